"""Write the dashboards and the rules of a checkout; `--check` only compares, and exits with 1."""

from __future__ import annotations

import sys
from functools import partial

from grafana.retrieval_monitoring.dashboards import PAGES, rendered
from grafana.retrieval_monitoring.rules import prometheus_rule, rule_file
from retrieval_operator.generate import Texts, main

CHART = "charts/retrieval-operator"
"""A chart can only ship files of its own folder, so it has copies."""

FILES: Texts = {
    **{
        f"{folder}/dashboards/{page.uid}.json": partial(rendered, page)
        for folder in ("grafana", CHART)
        for page in PAGES
    },
    "grafana/rules/retrieval.rules.yaml": rule_file,
    "grafana/rules/prometheusrule.yaml": prometheus_rule,
    f"{CHART}/rules/retrieval.rules.yaml": rule_file,
}

if __name__ == "__main__":
    sys.exit(main(FILES))
