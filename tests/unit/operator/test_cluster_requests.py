"""Answers of the API server become errors by who has to act, and writes need the lead."""

import json
from collections.abc import Mapping
from math import inf

import pytest

from retrieval_operator.errors import (
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    KindMissing,
    LeadershipLost,
    NotFound,
    WebhookUnreachable,
)
from retrieval_operator.runtime.client import APPLY, MERGE, Client
from retrieval_operator.runtime.discovery import served_apis
from retrieval_operator.runtime.lease import LeaseFile, Record
from retrieval_operator.runtime.writer import Writer
from retrieval_operator.world import DEPLOYMENT, SERVICE, Ref, ref_of
from tests.support.operating import KEY, NOW

MANIFEST = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "docs-embedder", "namespace": "search"},
}


OBJECT = Ref(SERVICE, KEY.namespace, KEY.name)


class Server:
    """Answers requests from a list, and keeps what was asked."""

    def __init__(self, *answers: tuple[int, Mapping[str, object]] | OSError, headers=None) -> None:
        self.asked: list[tuple[str, str, dict[str, object] | None, str]] = []
        self.counted: list[tuple[str, int]] = []
        self.limits_s: list[float] = []
        self._answers = list(answers)
        self._headers = headers or {}
        self.client = Client(self._send, lambda *facts: self.counted.append(facts))

    def _send(self, method, target, body, headers, within_s):
        self.limits_s.append(within_s)
        content = json.loads(body) if body else None
        self.asked.append((method, target, content, headers["Content-Type"]))
        answer = self._answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        status, document = answer
        return status, self._headers, json.dumps(document).encode()


def writer_of(server: Server, lead_s: float = inf) -> Writer:
    return Writer(server.client, "retrieval-operator", lambda: lead_s, ref_of)


def failing(status: int, message: str = "no", headers=None, **details: object) -> Server:
    body = {"kind": "Status", "message": message, "details": details}
    return Server((status, body), headers=headers)


CASES = {
    "a missing right": (failing(403, "cannot patch"), ClusterRefused),
    "an invalid field": (failing(422, "spec.x: invalid"), ClusterRefused),
    "a denial by a webhook": (failing(400, "admission webhook denied the request"), ClusterRefused),
    "a change by somebody else": (failing(409), Conflict),
    "too many requests": (failing(429), ClusterUnavailable),
    "an author's mistake that the server calls its own": (
        failing(
            500, 'failed to create typed patch object: duplicate entries for key [name="HOME"]'
        ),
        ClusterRefused,
    ),
    "an internal error": (failing(500, "etcdserver: leader changed"), ClusterUnavailable),
    "a restart": (failing(503), ClusterUnavailable),
    "a page that took too long": (failing(410), ClusterUnavailable),
    "an expired token": (failing(401), ClusterUnavailable),
    "no connection": (Server(OSError("connection refused")), ClusterUnavailable),
    "a webhook that is away": (
        failing(500, 'failed calling webhook "x.kserve": connection refused'),
        WebhookUnreachable,
    ),
    "an object that is not there": (failing(404, kind="x", name="docs"), NotFound),
    "a kind that is not served": (failing(404, "404 page not found"), KindMissing),
    "a namespace that is going": (
        failing(403, causes=[{"reason": "NamespaceTerminating"}]),
        ClusterUnavailable,
    ),
}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_is_an_error_by_who_has_to_act(case):
    server, error = CASES[case]
    with pytest.raises(error):
        server.client.request("PATCH", "/apis/x/v1/namespaces/search/things/docs")


@pytest.mark.parametrize("written", ["7", "7.0"])
def test_a_server_that_asks_to_wait_is_heard(written):
    with pytest.raises(ClusterUnavailable) as raised:
        failing(429, headers={"Retry-After": written}).client.request("GET", "/api")
    assert raised.value.retry_after_s == 7.0


@pytest.mark.parametrize("written", ["-3", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_a_nonsensical_wait_is_none(written):
    with pytest.raises(ClusterUnavailable) as raised:
        failing(429, headers={"Retry-After": written}).client.request("GET", "/api")
    assert raised.value.retry_after_s == 0.0


def test_every_answer_is_counted_and_so_is_none():
    server = Server((200, {}), OSError("gone"))
    server.client.request("GET", "/api")
    with pytest.raises(ClusterUnavailable):
        server.client.request("GET", "/api")
    assert server.counted == [("GET", 200), ("GET", 0)]


def test_an_apply_takes_its_fields_over_with_one_manager():
    server = Server((200, {"metadata": {}}))
    writer_of(server).apply(MANIFEST)
    ((method, target, body, content_type),) = server.asked
    assert method == "PATCH"
    assert target.startswith(
        "/apis/serving.kserve.io/v1beta1/namespaces/search/inferenceservices/docs-embedder?"
    )
    assert "fieldManager=retrieval-operator" in target
    assert "force=true" in target
    assert (body, content_type) == (MANIFEST, APPLY)


def test_only_that_very_object_is_deleted():
    server = Server((200, {}), (404, {"details": {"name": "x"}}), (409, {}))
    writer, ref = writer_of(server), Ref(DEPLOYMENT, "search", "x")
    assert writer.delete(ref, "uid-1")
    assert server.asked[0][2]["preconditions"] == {"uid": "uid-1"}  # type: ignore[index]
    assert not writer.delete(ref, "uid-1")
    assert not writer.delete(ref, "uid-1")


def test_a_replica_that_does_not_lead_sends_no_write():
    server = Server()
    writer = writer_of(server, lead_s=0.0)
    writes = (
        lambda: writer.apply(MANIFEST),
        lambda: writer.delete(Ref(DEPLOYMENT, "search", "x"), "uid"),
        lambda: writer.write_status(OBJECT, "uid", {}),
        lambda: writer.announce({"metadata": {"namespace": "search"}}),
    )
    for write in writes:
        with pytest.raises(LeadershipLost):
            write()
    assert server.asked == []


def test_no_write_is_waited_for_longer_than_the_lead_lasts():
    server = Server((200, {}), (200, {}))
    writer_of(server, lead_s=1.5).apply(MANIFEST)
    writer_of(server).apply(MANIFEST)
    assert server.limits_s == [1.5, inf]


def test_annotations_are_set_and_taken_away_whoever_has_them():
    server = Server((200, {"kind": "Deployment"}))
    ref = Ref(DEPLOYMENT, "search", "docs")
    assert writer_of(server).annotate(ref, {"a": "1", "b": None})
    (asked,) = server.asked
    assert asked[0::2] == ("PATCH", {"metadata": {"annotations": {"a": "1", "b": None}}})
    assert asked[3] == MERGE


def test_an_event_that_was_told_before_is_counted_up():
    server = Server((409, {}), (200, {"series": {"count": 2}}), (200, {}))
    event = {
        "metadata": {"name": "docs.1", "namespace": "search"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
    }
    writer_of(server).announce(event)
    assert server.asked[-1][2] == {
        "series": {"count": 3, "lastObservedTime": "2026-01-02T03:04:05.000000Z"}
    }


def test_served_kinds_are_told_by_group_and_version():
    groups = {"groups": [{"versions": [{"groupVersion": "keda.sh/v1alpha1"}]}]}
    assert served_apis(Server((200, groups)).client) == {"v1", "keda.sh/v1alpha1"}


def test_a_lease_is_written_against_the_version_that_was_read():
    answer = {"metadata": {"resourceVersion": "8"}, "spec": {"holderIdentity": "me"}}
    server = Server((200, answer), (201, answer))
    lease = LeaseFile(server.client, "system", "operator")
    lease.write(Record(version="7", holder="other", transitions=4), "me", 15, NOW)
    lease.write(Record(), "me", 15, NOW)
    put, post = server.asked
    assert put[0] == "PUT"
    assert put[2]["metadata"]["resourceVersion"] == "7"  # type: ignore[index]
    assert put[2]["spec"]["leaseTransitions"] == 5  # type: ignore[index]
    assert post[0] == "POST"
    assert post[1].endswith("/leases")


def test_fields_that_an_older_schema_lacks_are_left_out_of_a_status():
    words = (
        "failed to create typed patch object (search/docs; retrieval.io/v1alpha1, Kind=R): errors: "
        ".status.components.embedder.plan: field not declared in schema "
        ".status.precision: field not declared in schema"
    )
    server = Server((500, {"message": words}), (200, {"kind": "R"}))
    status = {
        "precision": "fp16",
        "phase": "Ready",
        "components": {"embedder": {"plan": {}, "a": 1}},
    }
    assert writer_of(server).write_status(OBJECT, "uid", status) == {"kind": "R"}
    written = server.asked[1][2]
    assert written is not None
    assert written["status"] == {"phase": "Ready", "components": {"embedder": {"a": 1}}}


def test_any_other_failure_of_a_status_is_told():
    server = failing(500, "etcdserver: leader changed")
    with pytest.raises(ClusterUnavailable):
        writer_of(server).write_status(OBJECT, "uid", {})
    assert len(server.asked) == 1


def test_an_object_that_cannot_be_applied_to_gets_its_status_by_a_merge_patch():
    words = "failed to create typed live object (search/docs): .spec.embedder.gpu: expected map"
    server = Server((500, {"message": words}), (200, {"kind": "R"}))
    writer_of(server).write_status(OBJECT, "uid", {"phase": "Refused"})
    assert server.asked[1][2:] == ({"status": {"phase": "Refused"}}, MERGE)
