"""Rewrite what the chart and the install manifest derive from elsewhere.

python -m tests.chart.write

The chart's CustomResourceDefinition comes from `manifests/crd.yaml`, the schema of its `operator`
values from the operator's settings, the table of its README from the schema and the default values,
and `manifests/install.yaml` from the chart itself, by the pinned helm.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from retrieval_operator.generate import Texts, main
from retrieval_operator.settings import Settings
from retrieval_operator.spec import Defaults
from retrieval_operator.spec.schema import structural
from tests.cluster import tools

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "retrieval-operator"
NAMESPACE = "retrieval-system"
OLDEST = "1.32.0"
"""The oldest Kubernetes that the chart says it runs on."""
THE_PODS = frozenset({"http_host", "identity", "lease_namespace"})
"""Settings that follow from the pod, so the chart has no value for them."""
_KEPT = ("type", "enum", "minimum", "maximum", "minLength", "maxLength", "items", "description")
_TABLE = re.compile(r"(?<=<!-- values -->\n).*(?=<!-- end of values -->)", re.DOTALL)
_NAMESPACE = f"""\
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""
_HEAD = "# Written by `make generate` from charts/retrieval-operator; change that.\n"


def crd() -> str:
    """The chart's copy of the CustomResourceDefinition."""
    return (ROOT / "manifests" / "crd.yaml").read_text()


def schema() -> str:
    """The schema of the chart's values, with the operator's settings as they are now."""
    written = json.loads((CHART / "values.schema.json").read_text())
    written["properties"]["operator"] = _settings_schema()
    return json.dumps(written, indent=2, ensure_ascii=False) + "\n"


def readme() -> str:
    """The chart's README with its table of values."""
    properties = json.loads(schema())["properties"]
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = "".join(
        f"| `{path}` | `{_default(values, path)}` | {meaning} |\n"
        for path, meaning in _leaves(properties)
    )
    table = f"\n| value | default | meaning |\n|---|---|---|\n{rows}\n"
    return _TABLE.sub(lambda _: table, (CHART / "README.md").read_text())


def install() -> str:
    """The chart as one file of manifests, for people without helm."""
    rendered = subprocess.run(
        [
            *(tools.ensure("helm"), "template", CHART.name, CHART),
            *("--namespace", NAMESPACE, "--kube-version", OLDEST),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    documents = (one for one in yaml.safe_load_all(rendered) if one and not _is_hook(one))
    parts = (yaml.safe_dump(_plain(one), sort_keys=False, width=100) for one in documents)
    return _HEAD + "---\n".join((_NAMESPACE, *parts))


FILES: Texts = {
    f"charts/{CHART.name}/files/crd.yaml": crd,
    f"charts/{CHART.name}/values.schema.json": schema,
    f"charts/{CHART.name}/README.md": readme,
    "manifests/install.yaml": install,
}
"""Every file this module writes, in the order of their dependencies."""


def setting_names() -> dict[str, str]:
    """The chart's name of every setting that it has a value for, by the setting's own."""
    return {name: _camel(name) for name in Settings.model_fields if name not in THE_PODS}


def _settings_schema() -> dict[str, Any]:
    fields = Settings.model_json_schema()
    shapes = {
        chart_name: _shape(fields["properties"][name], fields.get("$defs", {}))
        for name, chart_name in setting_names().items()
    }
    shapes["predictorDefaults"] = _defaults_schema()
    return {
        "type": "object",
        "description": "Settings of the operator process.",
        "additionalProperties": False,
        "properties": shapes,
    }


def _defaults_schema() -> dict[str, Any]:
    """The installation's defaults; an empty text or list leaves one to the objects."""
    shape = _values(structural(Defaults))
    for one in shape["properties"].values():
        one.pop("minLength", None)
        one.pop("pattern", None)
    return {**shape, "description": Settings.model_fields["predictor_defaults"].description}


def _values(node: Mapping[str, Any]) -> dict[str, Any]:
    """A structural schema as one that helm reads: without Kubernetes' words, and closed."""
    left_out = ("x-kubernetes-", "default", "properties", "items")
    kept = {name: one for name, one in node.items() if not name.startswith(left_out)}
    if "items" in node:
        kept["items"] = _values(node["items"])
    if "properties" in node:
        kept["additionalProperties"] = False
        kept["properties"] = {name: _values(one) for name, one in node["properties"].items()}
    return kept


def _shape(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A setting's schema as a value's: null and an empty text leave it to the operator."""
    named = field.get("$ref") or next((one.get("$ref") for one in field.get("anyOf", ())), None)
    choice = definitions[named.rpartition("/")[2]] if named else {}
    choices = [one for one in field.get("anyOf", ()) if one.get("type") != "null"]
    found: Mapping[str, Any] = choices[0] if choices else {}
    merged = {**choice, **found, **field}
    kept = {name: merged[name] for name in _KEPT if name in merged}
    if kept.get("type") == "string" and "default" not in field:
        kept.pop("minLength", None)
    return kept


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _leaves(properties: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, shape in properties.items():
        if "properties" in shape:
            yield from _leaves(shape["properties"], f"{above}{name}.")
        elif above + name != "global":
            yield above + name, shape["description"]


def _default(values: Mapping[str, Any], path: str) -> str:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return json.dumps(found)


def _is_hook(document: Mapping[str, Any]) -> bool:
    return "helm.sh/hook" in (document["metadata"].get("annotations") or {})


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    """The object without what speaks of helm, which did not install it."""
    metadata = document["metadata"]
    labels = metadata.get("labels", {})
    labels.pop("helm.sh/chart", None)
    labels["app.kubernetes.io/managed-by"] = "kubectl"
    metadata.get("annotations", {}).pop("helm.sh/resource-policy", None)
    if not metadata.get("annotations", True):
        del metadata["annotations"]
    return document


if __name__ == "__main__":
    sys.exit(main(FILES))
