"""Generated files say what the models say, and the predictor knows the knobs by the same names."""

import re
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic.alias_generators import to_snake

from retrieval_operator import generate
from retrieval_operator.spec.env import KNOBS, PLANNED, RESERVED, env_name
from retrieval_operator.spec.fields import find
from retrieval_operator.spec.support import gaps
from retrieval_predictor.settings import Settings

BY_HAND = {
    "cache_bytes",
    "engine_silence_s",
    "engines",
    "graph_cache",
    "limits.answer_timeout_s",
    "limits.body_timeout_s",
    "limits.head_timeout_s",
    "limits.max_held_bytes",
    "limits.max_requests",
    "worker_silence_s",
    "limits.max_body_bytes",
    "limits.max_texts",
    "drain_timeout_s",
    "log_format",
    "log_level",
}
"""Settings with no field in the object; an author sets them in podTemplate.env."""


def leaves(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= leaves(field.annotation, f"{prefix}{name}.")
        else:
            found[prefix + name] = field
    return found


def snaked(knob: str) -> str:
    return ".".join(map(to_snake, knob.split(".")))


def test_the_generated_files_have_not_drifted():
    assert generate.drifted(generate.FILES) == ()


def test_drift_is_noticed(tmp_path):
    generate.write(generate.FILES, tmp_path)
    (tmp_path / "manifests" / "crd.yaml").write_text("changed by hand")
    assert generate.drifted(generate.FILES, tmp_path) == ("manifests/crd.yaml",)


def test_every_setting_of_the_predictor_is_a_field_or_planned_or_set_by_hand():
    named = {snaked(knob) for knob in (*KNOBS, *PLANNED)}
    assert named | BY_HAND == set(leaves(Settings))
    assert named & BY_HAND == set()


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_has_the_bounds_that_the_predictor_has(knob):
    theirs = leaves(Settings)[snaked(knob)]
    component = "embedder" if knob == "acceptTokenIds" else "reranker"
    ours = find(f"spec.{component}.{knob}")
    least = re.search(r"ge=(\d+)", repr(theirs))
    most = re.search(r"le=(\d+)", repr(theirs))
    said = [int(number) for number in re.findall(r"-?\d+", ours.bounds)]
    if ours.kind == "integer":
        assert least is None or min(said) >= int(least[1])
        assert most is None or max(said) <= int(most[1]) or knob == "gpu.count"


@pytest.mark.parametrize("knob", ["precision", "scoring"])
def test_a_word_is_known_to_the_predictor_or_refused_by_the_operator(knob):
    theirs = {choice.value for choice in leaves(Settings)[knob].annotation}
    ours = set(find(f"spec.reranker.{knob}").kind.split(" | "))
    refused = {gap.values for path, gap in gaps() if path == f"spec.reranker.{knob}"}
    assert ours - refused == theirs


def test_the_operator_keeps_the_variables_it_sets_for_itself():
    assert env_name("gpu.memoryBytes") == "RETRIEVAL_GPU__MEMORY_BYTES"
    assert len(set(RESERVED)) == len(KNOBS) + len(PLANNED)
