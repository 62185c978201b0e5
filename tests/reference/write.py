"""Write docs/reference/predictor.md: every variable of the predictor, from its settings.

python -m tests.reference.write [--check]
"""

from __future__ import annotations

import sys

from retrieval_operator.generate import main
from retrieval_operator.spec.env import KNOBS, PLANNED, env_name
from retrieval_predictor.environment import Variable, variables

HEAD = """# The predictor's variables

A predictor is configured by its environment; `retrieval-predictor --help` prints the same list.
A name with the prefix `RETRIEVAL_` that is not in it is refused with the name that was meant, and
the exit status is 78.

In a cluster the operator sets those that have a field in the object, or `planned`; the rest goes
into `podTemplate.env`. [Without Kubernetes](../one-machine.md) you set them all, and
`retrieval env -f FILE` prints the planned ones.

`python -m tests.reference.write` writes this page.

| variable | type | default | bounds | field | meaning |
|---|---|---|---|---|---|
"""

_FIELDS = {env_name(knob): f"`{knob}`" for knob in KNOBS}
_FIELDS |= {env_name(knob): "planned" for knob in PLANNED}
_OF_THE_MACHINE = {"RETRIEVAL_RUNTIME_DIR"}
"""Defaults that differ between machines."""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"{_row(one)}\n" for one in variables())


def _row(one: Variable) -> str:
    default = f"`{one.default}`" if one.default else "–"
    if one.name in _OF_THE_MACHINE:
        default = "the system's folder for temporary files"
    cells = (
        f"`{one.name}`",
        one.kind.replace("|", "\\|"),
        default,
        one.bounds or "–",
        _FIELDS.get(one.name, "–"),
        one.meaning,
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main({"docs/reference/predictor.md": page}))
