"""The proxy passes everything on, and misbehaves when it is told to."""

import threading
import time

import httpx
import pytest

from tests.cluster.api import NODE, SERVICE_ACCOUNT, Api, NotInTime, Refused, until
from tests.cluster.faults import FaultyApi, drop, gone, hang, refusal
from tests.cluster.lab import Lab

CONFIG_MAP = "v1/ConfigMap"


def config_map(namespace: str, value: str = "1") -> dict:
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": value}}


def has_value(value: str):
    return lambda document: document["data"]["v"] == value


@pytest.fixture
def through(lab: Lab, faulty: FaultyApi, namespace):
    """A client with every right in the test's namespace, by RBAC."""
    account = {"name": "tester", "namespace": namespace}
    lab.api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    lab.api.create(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": account,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "edit",
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        }
    )
    client = Api(faulty.url, lab.site.authority.certificate, lab.api.token("tester", namespace))
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    wish = {"namespace": namespace, "verb": "patch", "resource": "configmaps"}
    until(
        lambda: client.send("POST", review, json={"spec": {"resourceAttributes": wish}})["status"][
            "allowed"
        ],
        "the rights reach the API server's authoriser",
    )
    yield client
    client.close()


def test_calls_pass_with_the_rights_of_the_token(lab: Lab, through: Api, namespace):
    through.apply(config_map(namespace))
    assert lab.api.get(CONFIG_MAP, "settings", namespace)["data"] == {"v": "1"}
    with pytest.raises(Refused, match="cannot list resource"):
        through.list(NODE)


def test_calls_are_counted_by_verb_and_resource(through: Api, faulty: FaultyApi, namespace):
    through.apply(config_map(namespace))
    through.get(CONFIG_MAP, "settings", namespace)
    assert faulty.totals()["patch", "configmaps"] == 1
    assert faulty.count(verb="get", name="settings", namespace=namespace) == 1


@pytest.mark.parametrize("status", [409, 429, 500])
def test_the_next_calls_are_refused_and_then_no_more(
    through: Api, faulty: FaultyApi, namespace, status
):
    faulty.answer(refusal(status), times=2, verb="patch", resource="configmaps")
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            through.apply(config_map(namespace))
        assert refused.value.status == status
    assert through.apply(config_map(namespace))["data"] == {"v": "1"}


def test_a_refusal_that_says_when_to_come_back_is_waited_out(
    through: Api, faulty: FaultyApi, namespace
):
    faulty.answer(refusal(429, retry_after_s=0), times=2, verb="patch", resource="configmaps")
    assert through.apply(config_map(namespace))["data"] == {"v": "1"}
    assert faulty.count(verb="patch", resource="configmaps", namespace=namespace) == 3


def test_events_stream_through_a_watch(lab: Lab, through: Api, namespace):
    lab.api.apply(config_map(namespace))
    change = threading.Timer(0.2, lab.api.apply, (config_map(namespace, "2"),))
    change.start()
    through.wait_for(CONFIG_MAP, "settings", has_value("2"), namespace=namespace)
    change.join()


def test_a_watch_that_is_gone_is_opened_anew(through: Api, faulty: FaultyApi, namespace):
    through.apply(config_map(namespace))
    faulty.answer(gone, times=2, verb="watch", resource="configmaps")
    through.wait_for(CONFIG_MAP, "settings", has_value("1"), namespace=namespace)
    assert faulty.count(verb="watch", resource="configmaps") == 3


def test_an_open_watch_can_be_cut(lab: Lab, through: Api, faulty: FaultyApi, namespace):
    lab.api.apply(config_map(namespace))

    def cut_and_change() -> None:
        until(faulty.cut_watches, "a watch is open")
        lab.api.apply(config_map(namespace, "2"))

    change = threading.Thread(target=cut_and_change)
    change.start()
    through.wait_for(CONFIG_MAP, "settings", has_value("2"), namespace=namespace)
    change.join()
    assert faulty.count(verb="watch", resource="configmaps") == 2


def test_a_frozen_watch_tells_nothing_until_it_is_healed(
    lab: Lab, through: Api, faulty: FaultyApi, namespace
):
    lab.api.apply(config_map(namespace))
    faulty.freeze_watches()
    with pytest.raises(NotInTime, match="last seen"):
        through.wait_for(CONFIG_MAP, "settings", has_value("1"), namespace=namespace, limit_s=0.5)
    faulty.heal()
    through.wait_for(CONFIG_MAP, "settings", has_value("1"), namespace=namespace)


def test_a_connection_can_break(through: Api, faulty: FaultyApi, namespace):
    faulty.answer(drop, verb="get")
    with pytest.raises(httpx.TransportError):
        through.send("GET", f"/api/v1/namespaces/{namespace}/configmaps/settings")


def test_a_call_can_hang(through: Api, faulty: FaultyApi, namespace):
    faulty.answer(hang, verb="list", resource="configmaps")
    timeout = httpx.Timeout(30, read=0.3)
    started_s = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        through.send("GET", f"/api/v1/namespaces/{namespace}/configmaps", timeout=timeout)
    assert time.monotonic() - started_s < 25


def test_without_the_api_server_connections_break(lab: Lab, through: Api, namespace):
    lab.stop("apiserver")
    try:
        with pytest.raises(httpx.TransportError):
            through.send("GET", f"/api/v1/namespaces/{namespace}/configmaps")
    finally:
        lab.start("apiserver")
    assert through.list(SERVICE_ACCOUNT, namespace)
