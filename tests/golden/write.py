"""Rewrite `manifests.yaml` of every case from its `service.yaml` and `nodes.yaml`.

python -m tests.golden.write
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import yaml

from retrieval_operator.facts import facts_for
from retrieval_operator.generate import CHECKOUT, Texts, main
from retrieval_operator.inventory import Inventory, Origin, nodes_of
from retrieval_operator.plan import Plan, ask_of, draft, plan
from retrieval_operator.render import Context, render, to_yaml
from retrieval_operator.spec import parse
from tests.golden import field_table
from tests.golden.planner_table import PAGE, updated

CASES = tuple(sorted(path.parent for path in Path(__file__).parent.glob("*/service.yaml")))
CONTEXT = Context(
    "example/predictor:v1",
    frozenset({"monitoring.coreos.com/v1", "keda.sh/v1alpha1"}),
    "http://prometheus.monitoring:9090",
)


def rendered(case: Path) -> str:
    """The manifests of a case as YAML."""
    service = parse(yaml.safe_load((case / "service.yaml").read_text()))
    nodes = nodes_of(list(yaml.safe_load_all((case / "nodes.yaml").read_text())))
    inventory = Inventory(nodes, Origin.CLUSTER)
    plans = {}
    for component in service.spec.components:
        ask = ask_of(service.spec, component)
        answer = plan(ask, facts_for(component), inventory)
        assert isinstance(answer, Plan), answer
        plans[component.name] = answer
    drafts = {name: draft(one, CONTEXT.image) for name, one in plans.items()}
    return to_yaml(render(service, drafts, CONTEXT))


FILES: Texts = {
    **{
        str((case / "manifests.yaml").relative_to(CHECKOUT)): partial(rendered, case)
        for case in CASES
    },
    str(PAGE.relative_to(CHECKOUT)): lambda: updated(PAGE.read_text()),
    str(field_table.PAGE.relative_to(CHECKOUT)): lambda: field_table.updated(
        field_table.PAGE.read_text()
    ),
}

if __name__ == "__main__":
    sys.exit(main(FILES))
