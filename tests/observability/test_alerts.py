"""Alerts fire when they should and only then, and each leads to a runbook that helps."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.observability.boards import ROOT, RULES
from tests.observability.tools import PROMTOOL, made

CASES = Path(__file__).parent / "alerts_test.yaml"
GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
RECORDS = [rule for group in GROUPS for rule in group["rules"] if "record" in rule]


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [made(PROMTOOL), *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )


def test_prometheus_accepts_every_rule():
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.looptime(False)
def test_alerts_fire_and_stay_quiet_as_written_down():
    done = promtool("test", "rules", str(CASES))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_to_stay_quiet():
    names = [case["name"] for case in yaml.safe_load(CASES.read_text())["tests"]]
    for verb in ("fires", "is quiet"):
        seen = {name.partition(f" {verb}: ")[0] for name in names if f" {verb}: " in name}
        assert seen == {alert["alert"] for alert in ALERTS}, verb


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_has_a_runbook_that_says_what_to_look_at_and_what_to_do(alert):
    runbook = ROOT / alert["annotations"]["runbook_url"]
    text = runbook.read_text(encoding="utf-8")
    assert text.startswith(f"# {alert['alert']}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Look", "Do"]


def test_every_runbook_belongs_to_an_alert():
    pages = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert pages == {alert["alert"] for alert in ALERTS}


def test_the_documentation_lists_every_alert_with_its_severity():
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(runbooks/\1\.md\) \| (\w+) \|", text, re.MULTILINE)
    assert dict(listed) == {alert["alert"]: alert["labels"]["severity"] for alert in ALERTS}


def test_every_panel_that_a_runbook_names_exists():
    titles = {
        title
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
        for title in re.findall(r'"title": "(.+)"', path.read_text(encoding="utf-8"))
    }
    for path in (ROOT / "docs" / "runbooks").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        for named in re.findall(r"(?<=[Pp]anel )\"([^\"]+)\"", text):
            assert named in titles, f"{path.name}: {named}"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_of_whom_it_speaks(alert):
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    by_service = "namespace, service" in alert["expr"] or "component:" in alert["expr"]
    assert ("$labels.namespace" in alert["annotations"]["summary"]) == by_service


def test_the_object_and_the_chart_have_the_same_rules():
    rule = yaml.safe_load((RULES.parent / "prometheusrule.yaml").read_text(encoding="utf-8"))
    assert rule["spec"]["groups"] == GROUPS
    chart = ROOT / "charts" / "retrieval-operator" / "rules" / RULES.name
    assert chart.read_bytes() == RULES.read_bytes()


def test_recorded_series_are_named_by_level_metric_and_operation():
    for rule in RECORDS:
        assert re.fullmatch(r"component:retrieval_\w+:\w+", rule["record"])
