"""`retrieval history`, `replan` and `rollback`, against an API server of a few objects."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from retrieval_operator.cli import cluster, history, rollback
from retrieval_operator.plan import Cause, Plan, draft, plan
from retrieval_operator.render import controller_revision
from retrieval_operator.spec import ComponentName, parse
from tests.support.operating import GPU_SPEC, service
from tests.support.planning import ask, facts, gpu_node
from tests.support.planning import cluster as nodes

EMBEDDER = ComponentName.EMBEDDER


def stored(number: int, owner: str = "uid-docs", why: str = "") -> dict[str, Any]:
    """A plan as the API server has it."""
    answer = plan(ask(), facts(), nodes(gpu_node(23034, "NVIDIA-L4")))
    assert isinstance(answer, Plan)
    made = draft(answer, "predictor:1")
    one = type(made)(
        **{name: getattr(made, name) for name in made.__slots__}
        | {"number": number, "why": why, "cause": Cause.OBJECT if why else Cause.FIRST}
        | {"made": "2026-01-02T03:04:05Z"}
    )
    return controller_revision(parse(service(uid=owner)), EMBEDDER, one)


@dataclass
class FewObjects:
    """Answers what the commands ask, and keeps what they change."""

    spec: Mapping[str, Any] = field(default_factory=lambda: GPU_SPEC)
    items: tuple[dict[str, Any], ...] = ()
    patched: list[Mapping[str, Any]] = field(default_factory=list)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "",
        **_: Any,
    ) -> dict[str, Any]:
        """The service, its plans, or what a change leaves."""
        if method == "PATCH":
            assert content_type == "application/merge-patch+json"
            self.patched.append(body or {})
            return {}
        if path.endswith("/controllerrevisions"):
            assert query == {"labelSelector": "app.kubernetes.io/instance=docs"}
            return {"items": list(self.items)}
        assert path.endswith("/namespaces/search/retrievalservices/docs")
        in_force = {"components": {"embedder": {"revision": {"number": 1}}}}
        return {**service(self.spec), "status": in_force}


def served(objects: FewObjects) -> cluster.Service:
    return cluster.Service(argparse.Namespace(name="docs", namespace="search"), objects)


def test_the_history_says_which_plan_rules_and_why_each_was_made():
    theirs = stored(3, owner="uid-of-a-former-one")
    objects = FewObjects(items=(stored(2, why="batching.maxBatchTokens"), stored(1), theirs))
    rows = [history.row(one) for one in served(objects).stored()]
    assert rows == [
        ("embedder", "1  now", "First", "2026-01-02T03:04:05Z", rows[0][4]),
        ("embedder", "2", "ObjectChanged", "2026-01-02T03:04:05Z", rows[1][4]),
    ]
    assert rows[0][4] == "NVIDIA-L4, fp16, 4096 tokens a batch"
    assert rows[1][4].endswith(": batching.maxBatchTokens")


def test_a_plan_that_cannot_be_read_is_listed_all_the_same():
    odd = {**stored(4), "data": {"of": "another time"}}
    (one,) = served(FewObjects(items=(odd,))).stored()
    assert history.row(one)[1:3] == ("4", "?")


def test_columns_are_as_wide_as_what_stands_in_them():
    assert history.table([("A", "BB"), ("ccc", "d")]) == "A    BB\nccc  d\n"


def test_going_back_sets_one_field_and_the_latest_again_takes_it_out():
    objects = FewObjects(items=(stored(1), stored(2)))
    assert "is 1" in rollback.go(served(objects), None, 1)
    assert "taken out" in rollback.go(served(objects), "embedder", None)
    assert objects.patched == [
        {"spec": {"embedder": {"rollbackTo": 1}}},
        {"spec": {"embedder": {"rollbackTo": None}}},
    ]


def test_a_number_that_is_not_kept_is_refused_with_those_that_are():
    objects = FewObjects(items=(stored(2), stored(3)))
    with pytest.raises(rollback.NoSuchPlan, match="no plan 1; kept are 2, 3"):
        rollback.go(served(objects), "embedder", 1)
    assert objects.patched == []


def test_of_two_components_one_has_to_be_named():
    both = FewObjects(spec={**GPU_SPEC, "reranker": {}})
    with pytest.raises(cluster.NoSuchComponent, match="docs has embedder and reranker"):
        served(both).component(None)
    assert served(both).component("reranker") == "reranker"
    with pytest.raises(cluster.NoSuchComponent):
        served(FewObjects()).component("reranker")
