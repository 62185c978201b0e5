"""Install, upgrade, roll back and uninstall a release on a real API server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from retrieval_operator.crd import NAME, PLURAL, definition
from retrieval_operator.spec.service import GROUP
from tests.chart.helm import helm
from tests.chart.versions import older, version
from tests.chart.write import CHART
from tests.cluster.api import (
    DEPLOYMENT,
    NAMESPACE,
    RETRIEVAL_SERVICE,
    Api,
    Document,
    Refused,
    until,
)
from tests.cluster.lab import Lab
from tests.support.spec import document

DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"
CLUSTER_ROLE = "rbac.authorization.k8s.io/v1/ClusterRole"
RELEASE = "operator"
FULL_NAME = "operator-retrieval-operator"
PROMPTED = {"embedder": {"prompts": {"query": "query: "}}}
"""What the older definition does not know."""
_NUMBERS = count(1)


class Release:
    """One release of a chart, in a namespace of its own."""

    def __init__(self, lab: Lab, chart: Path) -> None:
        self.chart = chart
        self.namespace = f"lifecycle-{next(_NUMBERS)}"
        self._where = ("--namespace", self.namespace, "--kubeconfig", lab.kubeconfig)

    def helm(self, *arguments: str | Path, values: dict[str, Any] | None = None) -> str:
        """What helm says about it."""
        return helm(*arguments, *self._where, values=values)


def columns(api: Api) -> int:
    """How many columns `kubectl get rsvc` has."""
    return len(api.get(DEFINITION, NAME)["spec"]["versions"][0]["additionalPrinterColumns"])


def container(api: Api, release: Release) -> Document:
    """The operator's."""
    deployment = api.get(DEPLOYMENT, FULL_NAME, release.namespace)
    found: Document = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def image(api: Api, release: Release) -> str:
    """What the operator runs."""
    return str(container(api, release)["image"])


@pytest.fixture
def release(plane: Lab, api: Api, tmp_path: Path) -> Iterator[Release]:
    """An older version, installed over the definition that the lab has."""
    made = Release(plane, older(tmp_path / "older"))
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": made.namespace}})
    made.helm("install", RELEASE, made.chart, "--take-ownership")
    yield made
    try:
        made.helm("uninstall", RELEASE)
    except subprocess.CalledProcessError as error:
        assert "not found" in error.stderr  # noqa: PT017 - the test uninstalled it already
    api.delete(NAMESPACE, made.namespace)
    api.apply(definition())  # the older one would stay for the tests that come after
    until(partial(takes_prompts, api), "the definition of this version is in force")


def test_an_upgrade_brings_the_new_definition_and_a_rollback_takes_it_back(
    release: Release, api: Api
):
    old = columns(api)
    assert image(api, release) == "retrieval-operator:0.0.9"
    release.helm("upgrade", RELEASE, CHART)
    assert (columns(api), image(api, release)) == (old + 1, f"retrieval-operator:{version()}")
    release.helm("rollback", RELEASE, "1")
    assert (columns(api), image(api, release)) == (old, "retrieval-operator:0.0.9")
    release.helm("upgrade", RELEASE, CHART)
    assert columns(api) == old + 1


def test_an_upgrade_leaves_objects_as_they_were_written(release: Release, api: Api):
    written = api.apply(document({"embedder": {"replicas": 2}}, name="early"))
    release.helm("upgrade", RELEASE, CHART)
    assert api.get(RETRIEVAL_SERVICE, "early")["spec"] == written["spec"]
    api.delete(RETRIEVAL_SERVICE, "early")


def test_a_rollback_hides_a_new_field_and_the_next_write_drops_it(release: Release, api: Api):
    release.helm("upgrade", RELEASE, CHART)
    until(partial(takes_prompts, api), "the new field is served")
    names = ("written", "left-alone")
    for name in names:
        api.apply(document(PROMPTED, name=name))
    release.helm("rollback", RELEASE, "1")
    until(lambda: not has_prompts(api, "written"), "the new field is hidden")
    api.patch_status(RETRIEVAL_SERVICE, "written", {"phase": "Ready"})
    release.helm("upgrade", RELEASE, CHART)
    until(lambda: has_prompts(api, "left-alone"), "the new field is served again")
    assert not has_prompts(api, "written")
    for name in names:
        api.delete(RETRIEVAL_SERVICE, name)


def takes_prompts(api: Api) -> bool:
    """Whether prompts would be stored; a definition is in force a moment after it is written."""
    try:
        api.try_out(document(PROMPTED))
    except Refused:
        return False
    return True


def has_prompts(api: Api, name: str) -> bool:
    """Whether they are seen in the object now."""
    return "prompts" in api.get(RETRIEVAL_SERVICE, name)["spec"]["embedder"]


def test_an_upgrade_keeps_the_values_that_were_set_and_takes_new_defaults(
    release: Release, api: Api
):
    release.helm("upgrade", RELEASE, release.chart, "--set", "operator.workers=7")
    assert container(api, release)["resources"]["limits"]["memory"] == "256Mi"
    release.helm("upgrade", RELEASE, CHART, "--reset-then-reuse-values")
    now = container(api, release)
    assert now["resources"]["limits"]["memory"] == "512Mi"
    assert {"name": "RETRIEVAL_OPERATOR_WORKERS", "value": "7"} in now["env"]


def test_uninstalling_keeps_every_object_and_removes_the_rest(release: Release, api: Api):
    release.helm("upgrade", RELEASE, CHART)
    api.apply(document(name="survivor"))
    release.helm("uninstall", RELEASE)
    assert api.get(DEFINITION, NAME)
    assert api.get(RETRIEVAL_SERVICE, "survivor")
    assert api.find(DEPLOYMENT, FULL_NAME, release.namespace) is None
    assert not [
        role["metadata"]["name"]
        for role in api.list(CLUSTER_ROLE)
        if FULL_NAME in role["metadata"]["name"]
    ]
    release.helm("install", RELEASE, CHART)  # takes over what it left
    assert api.get(RETRIEVAL_SERVICE, "survivor")
    api.delete(RETRIEVAL_SERVICE, "survivor")


def test_viewers_read_services_and_editors_write_them_but_not_their_status(
    release: Release, api: Api
):
    for role in ("viewer", "editor"):
        api.create(binding(role, release.namespace))
    for role, verb in (("viewer", "list"), ("editor", "patch")):
        granted = partial(may, api, role, verb, release.namespace)
        until(granted, f"the {role}'s rights are in force")
    assert not may(api, "viewer", "create", release.namespace)
    for verb in ("create", "update", "patch", "delete"):
        assert may(api, "editor", verb, release.namespace)
    assert not may(api, "editor", "patch", release.namespace, "status")


def binding(role: str, namespace: str) -> Document:
    """The chart's role for the user of that name."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": f"{FULL_NAME}-{role}"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": role}],
    }


def may(api: Api, user: str, verb: str, namespace: str, subresource: str = "") -> bool:
    """What the API server's own authorisation says."""
    asked = {
        "group": GROUP,
        "resource": PLURAL,
        "subresource": subresource,
        "verb": verb,
        "namespace": namespace,
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": asked},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    return bool(api.send("POST", path, json=review)["status"]["allowed"])


def test_a_bad_value_changes_nothing(release: Release, api: Api):
    before = image(api, release)
    with pytest.raises(subprocess.CalledProcessError, match="returned non-zero") as refusal:
        release.helm("upgrade", RELEASE, CHART, values={"replicas": 7})
    assert "got 7, want 2" in refusal.value.stderr
    assert image(api, release) == before
