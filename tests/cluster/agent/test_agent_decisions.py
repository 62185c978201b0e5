"""What the node agent decides without touching the machine."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.agent.environment import Facts, command_line, expanded, variables
from tests.cluster.agent.images import Image, find, images_of
from tests.cluster.agent.names import answer
from tests.cluster.agent.node import Devices
from tests.cluster.agent.probing import Probe, Tally
from tests.cluster.agent.services import Backends
from tests.cluster.agent.volumes import write_atomically

POD = {"metadata": {"name": "one", "namespace": "here", "uid": "u"}, "spec": {"nodeName": "n"}}
FACTS = Facts(POD, "10.0.0.2", "10.0.0.1")


def query(name: str, kind: int = 1) -> bytes:
    """A DNS question."""
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return (
        struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)
    )


def piece(name: str, addresses: dict[str, dict[str, bool]]) -> dict:
    """An EndpointSlice of the Service `web` with endpoints in these conditions."""
    return {
        "metadata": {
            "uid": name,
            "namespace": "here",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "ports": [{"name": "http", "port": 8000}],
        "endpoints": [
            {"addresses": [address], "conditions": conditions}
            for address, conditions in addresses.items()
        ],
    }


@given(answers=st.lists(st.booleans()), successes=st.integers(1, 4), failures=st.integers(1, 4))
def test_a_probe_speaks_only_after_enough_equal_answers(answers, successes, failures):
    tally = Tally(Probe({}, 0, 1, 1, successes, failures))
    for i, is_good in enumerate(answers):
        tally.add(is_good=is_good)
        wanted = successes if is_good else failures
        recent = answers[: i + 1][-wanted:]
        has_enough = len(recent) == wanted and set(recent) == {is_good}
        assert tally.verdict is (is_good if has_enough else None)


@pytest.mark.parametrize(
    ("text", "result"),
    [("$(A)", "1"), ("$$(A)", "$(A)"), ("$(B)", "$(B)"), ("$A", "$A"), ("$(A)$(A)", "11")],
)
def test_references_are_expanded_as_kubernetes_does(text: str, result: str):
    assert expanded(text, {"A": "1"}) == result


def test_a_command_of_its_own_drops_the_arguments_of_the_image():
    image = Image(("server",), ("--port", "1"))
    assert command_line({}, image, {}) == ["server", "--port", "1"]
    assert command_line({"args": ["x"]}, image, {}) == ["server", "x"]
    assert command_line({"command": ["other"]}, image, {}) == ["other"]


def test_an_optional_reference_that_is_missing_leaves_the_variable_out():
    source = {"secretKeyRef": {"name": "no", "key": "k", "optional": True}}
    container = {"env": [{"name": "A", "valueFrom": source}]}
    assert variables(container, Image(), FACTS, lambda *_: None) == {}


def test_images_are_found_by_pattern():
    images = images_of({"a/*": {"entrypoint": ["x"]}})
    assert find(images, "a/b:v1") == Image(("x",))
    assert find(images, "b:v1") is None


def test_devices_are_given_to_one_pod_at_a_time():
    devices = Devices({"nvidia.com/gpu": "2"})
    assert list(devices.take("a", "nvidia.com/gpu", 1)) == [0]
    assert list(devices.take("a", "nvidia.com/gpu", 1)) == [0]
    assert list(devices.take("b", "nvidia.com/gpu", 1)) == [1]
    devices.release("a")
    assert list(devices.take("c", "nvidia.com/gpu", 1)) == [0]


def test_ready_endpoints_go_before_those_that_end():
    ready, ending = {"ready": True, "serving": True}, {"ready": False, "serving": True}
    backends = Backends()
    backends.change("ADDED", piece("s", {"10.0.0.2": ready, "10.0.0.3": ending, "10.0.0.4": {}}))
    assert backends.of("here", "web", "http") == [("10.0.0.2", 8000)]
    backends.change("MODIFIED", piece("s", {"10.0.0.3": ending, "10.0.0.4": {}}))
    assert backends.of("here", "web", "http") == [("10.0.0.3", 8000)]
    backends.change("DELETED", piece("s", {}))
    assert backends.of("here", "web", "http") == []
    assert backends.of("there", "web", "http") == []


def test_names_of_services_are_their_addresses_and_other_names_are_nobody():
    known = {("here", "web"): "10.96.0.7"}

    def resolve(namespace: str, name: str) -> str | None:
        return known.get((namespace, name))

    found = answer(query("web.here.svc.cluster.local"), resolve)
    assert found[3] & 0x0F == 0
    assert found[-4:] == bytes([10, 96, 0, 7])
    assert answer(query("web.here.svc.cluster.local", kind=28), resolve)[6:8] == b"\0\0"
    for name in (
        "web",
        "web.there.svc.cluster.local",
        "example.org",
        "a.web.here.svc.cluster.local",
    ):
        assert answer(query(name), resolve)[3] & 0x0F == 3


def test_files_of_a_volume_change_all_at_once(tmp_path: Path):
    assert write_atomically(tmp_path, {"a": b"1", "b": b"1"})
    before = (tmp_path / "..data").readlink()
    assert not write_atomically(tmp_path, {"a": b"1", "b": b"1"})
    assert (tmp_path / "..data").readlink() == before
    assert write_atomically(tmp_path, {"a": b"2", "c": b"2"})
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("..")} == {
        "a",
        "c",
    }
    assert (tmp_path / "a").read_bytes() == b"2"
    assert not (tmp_path / before).exists()
