"""The operator may do what it does, and nothing else."""

from typing import Any

from retrieval_operator.world.kinds import CHILDREN, DEPLOYMENT, EVENT, POD, SERVICE, Kind
from tests.chart.helm import rendered

Right = tuple[str, str, str]
FOLLOW = ("list", "watch")


def granted(values: dict[str, Any], role: str, suffix: str) -> set[Right]:
    """(group, resource, verb) of every right in a role whose name ends so."""
    (found,) = (
        one
        for one in rendered(values)
        if one["kind"] == role and one["metadata"]["name"].endswith(suffix)
    )
    return {
        (group, resource, verb)
        for rule in found["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def rights(kind: Kind, *verbs: str, subresource: str = "") -> set[Right]:
    """Rights over a kind or its subresource."""
    return {(kind.group, kind.plural + subresource, verb) for verb in verbs}


def used() -> set[Right]:
    """What the operator asks of the API server, wherever it serves."""
    wanted = rights(SERVICE, "get", *FOLLOW) | rights(SERVICE, "patch", subresource="/status")
    for kind in CHILDREN:  # applying an object that is not there yet takes `create` as well
        wanted |= rights(kind, "get", "create", "patch", "delete", *FOLLOW)
    for kind in (DEPLOYMENT, POD):
        wanted |= rights(kind, *FOLLOW)
    return wanted | rights(EVENT, "get", "list", "create", "patch")


def test_the_whole_cluster_is_served_with_these_rights():
    nodes = {("", "nodes", verb) for verb in FOLLOW}
    assert granted({}, "ClusterRole", "-retrieval-system") == used() | nodes


def test_nodes_can_be_kept_from_it():
    values = {"rbac": {"nodes": False}}
    assert granted(values, "ClusterRole", "-retrieval-system") == used()


def test_one_namespace_is_served_with_the_same_rights():
    values = {"operator": {"namespaces": ["search"]}}
    assert granted(values, "Role", "-retrieval-system") == used()


def test_a_replica_may_take_its_own_lease_only():
    lease = ("coordination.k8s.io", "leases")
    assert granted({}, "Role", "-leader") == {
        (*lease, verb) for verb in ("create", "get", "update")
    }
    documents = rendered({"operator": {"leaseName": "other"}})
    named = [
        rule["resourceNames"]
        for one in documents
        for rule in one.get("rules", ())
        if rule["resources"] == ["leases"] and rule["verbs"] != ["create"]
    ]
    assert named == [["other"]]


def test_no_secret_is_read():
    assert not {right for right in used() if right[1] == "secrets"}
    assert not [
        rule
        for one in rendered({})
        for rule in one.get("rules", ())
        if {"secrets", "*"} & {*rule["resources"], *rule["verbs"], *rule["apiGroups"]}
    ]
