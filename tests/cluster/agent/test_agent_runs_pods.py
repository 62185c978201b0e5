"""Pods on the node agent live and die as the kubelet lets them."""

from __future__ import annotations

import json
import urllib.request
from functools import partial

import pytest

from tests.cluster.agent.samples import (
    config_map,
    ended,
    main,
    pod,
    printed,
    ready,
    secret,
    service,
    shell,
    start,
    waits_for,
    web,
)
from tests.cluster.api import POD, Document, until
from tests.cluster.lab import Lab
from tests.cluster.process import Server

pytestmark = pytest.mark.usefixtures("node")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def log(lab: Lab, namespace: str, name: str = "one", *options: str) -> str:
    """What `kubectl logs` shows."""
    return lab.kubectl("logs", f"--namespace={namespace}", name, *options)


def finished(lab: Lab, document: Document) -> str:
    """What a pod that runs to its end prints."""
    start(lab.api, document)
    namespace = document["metadata"]["namespace"]
    lab.api.wait_for(POD, "one", ended, namespace=namespace)
    return log(lab, namespace)


def test_variables_come_from_fields_secrets_config_maps_and_one_another(lab: Lab, namespace: str):
    lab.api.create(secret("keys", namespace, {"token": "s3cret"}))
    lab.api.create(config_map("settings", namespace, {"LEVEL": "high"}))
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    memory = {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}
    container = shell(
        """printf '{"pod":"%s","token":"%s","level":"%s","both":"%s","memory":"%s"}' """
        '"$POD" "$TOKEN" "$LEVEL" "$BOTH" "$MEMORY"',
        env=[
            {"name": "POD", "valueFrom": source},
            {
                "name": "TOKEN",
                "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}},
            },
            {"name": "MEMORY", "valueFrom": memory},
            {"name": "BOTH", "value": "$(POD)-$(TOKEN)-$(NOBODY)-$$(POD)"},
        ],
        envFrom=[{"configMapRef": {"name": "settings"}}],
        resources={"limits": {"memory": "64Mi"}},
    )
    text = finished(lab, pod("one", namespace, container, restartPolicy="Never"))
    assert printed(text) == {
        "pod": "one",
        "token": "s3cret",
        "level": "high",
        "both": "one-s3cret-$(NOBODY)-$(POD)",
        "memory": "64",
    }


def test_a_restricted_container_has_no_rights_and_a_root_it_cannot_write(lab: Lab, namespace: str):
    context = {
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    container = shell(
        "touch /nothing 2>/dev/null && echo wrote; touch /tmp/something && id -u; "
        "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status",
        securityContext=context,
        volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}],
    )
    volumes = [{"name": "tmp", "emptyDir": {}}]
    text = finished(lab, pod("one", namespace, container, restartPolicy="Never", volumes=volumes))
    user, bounding, effective, privileges = (
        text.splitlines()[0],
        *sorted(line.split()[1] for line in text.splitlines()[1:]),
    )
    assert user == "65532"
    assert {bounding, effective} == {"0000000000000000"}
    assert privileges == "1"


def test_init_containers_run_first_and_share_volumes(lab: Lab, namespace: str):
    mounts = [{"name": "shared", "mountPath": "/shared"}]
    first = {"name": "first", **shell("echo hello > /shared/word", volumeMounts=mounts)}
    document = pod(
        "one",
        namespace,
        shell("cat /shared/word", volumeMounts=mounts),
        initContainers=[first],
        restartPolicy="Never",
        volumes=[{"name": "shared", "emptyDir": {"medium": "Memory"}}],
    )
    assert finished(lab, document) == "hello\n"


def test_a_changed_config_map_reaches_a_running_container(lab: Lab, namespace: str):
    lab.api.create(config_map("limits", namespace, {"limits.json": "1"}))
    script = "while true; do cat /etc/limits/limits.json; echo; sleep 0.1; done"
    mounts = [{"name": "limits", "mountPath": "/etc/limits", "readOnly": True}]
    volumes = [{"name": "limits", "configMap": {"name": "limits"}}]
    document = pod("one", namespace, shell(script, volumeMounts=mounts), volumes=volumes)
    ready(lab.api, document)
    until(lambda: "1" in log(lab, namespace), "the container reads the old text")
    lab.api.apply(config_map("limits", namespace, {"limits.json": "2"}))
    until(lambda: "2" in log(lab, namespace), "the container reads the new text")
    assert set(log(lab, namespace).split()) == {"1", "2"}


def test_a_container_that_fails_is_restarted_with_growing_pauses(lab: Lab, namespace: str):
    container = shell("echo boom; exit 3", terminationMessagePolicy="FallbackToLogsOnError")
    start(lab.api, pod("one", namespace, container))
    found = lab.api.wait_for(POD, "one", waits_for("CrashLoopBackOff"), namespace=namespace)
    last = main(found)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"], last["message"]) == (3, "Error", "boom\n")
    assert main(found)["restartCount"] >= 1
    assert log(lab, namespace, "one", "--previous") == "boom\n"


def test_a_container_over_its_memory_is_killed_for_it(lab: Lab, namespace: str):
    container = shell(
        "exec python3 -c 'x = bytearray(200 << 20)'", resources={"limits": {"memory": "40Mi"}}
    )
    start(lab.api, pod("one", namespace, container, restartPolicy="Never"))
    found = lab.api.wait_for(POD, "one", ended, namespace=namespace)
    state = main(found)["state"]["terminated"]
    assert (state["reason"], state["exitCode"]) == ("OOMKilled", 137)


def test_an_image_that_no_registry_has_is_waited_for(lab: Lab, namespace: str):
    start(lab.api, pod("one", namespace, {"image": "nowhere/missing:v1"}))
    lab.api.wait_for(POD, "one", waits_for("ImagePullBackOff"), namespace=namespace)


def test_a_container_starts_once_its_secret_is_there(lab: Lab, namespace: str):
    source = {"secretKeyRef": {"name": "late", "key": "word"}}
    container = shell("echo $WORD", env=[{"name": "WORD", "valueFrom": source}])
    start(lab.api, pod("one", namespace, container, restartPolicy="Never"))
    reason = waits_for("CreateContainerConfigError")
    found = lab.api.wait_for(POD, "one", reason, namespace=namespace)
    assert main(found)["state"]["waiting"]["message"] == 'secret "late" not found'
    lab.api.create(secret("late", namespace, {"word": "now"}))
    lab.api.wait_for(POD, "one", ended, namespace=namespace)
    assert log(lab, namespace) == "now\n"


def test_a_failed_liveness_probe_restarts_the_container(lab: Lab, namespace: str):
    probe = {"exec": {"command": ["test", "-e", "/tmp/alive"]}, "periodSeconds": 1}
    container = shell(
        "touch /tmp/alive; sleep 1; rm /tmp/alive; sleep 60",
        livenessProbe=probe | {"failureThreshold": 1},
        startupProbe=probe,
    )
    start(lab.api, pod("one", namespace, container, terminationGracePeriodSeconds=1))

    def restarted(document: Document) -> bool:
        return bool(main(document).get("restartCount"))

    lab.api.wait_for(POD, "one", restarted, namespace=namespace)


def test_a_deleted_pod_has_its_hook_its_signal_and_its_grace(lab: Lab, namespace: str, tmp_path):
    tmp_path.chmod(0o777)
    script = "trap 'echo term >> /out/log; sleep 0.3; echo done >> /out/log; exit 0' TERM; "
    container = shell(
        script + "touch /out/listens; while true; do sleep 0.05; done",
        lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /out/log"]}}},
        volumeMounts=[{"name": "out", "mountPath": "/out"}],
    )
    volumes = [{"name": "out", "hostPath": {"path": str(tmp_path)}}]
    patient = {"volumes": volumes, "terminationGracePeriodSeconds": 20}
    ready(lab.api, pod("one", namespace, container, **patient))
    until((tmp_path / "listens").exists, "the shell listens to signals")
    lab.api.delete(POD, "one", namespace)
    lab.api.wait_gone(POD, "one", namespace)
    assert (tmp_path / "log").read_text().split() == ["hook", "term", "done"]


def test_two_pods_have_different_gpus_and_a_third_waits(lab: Lab, namespace: str):
    container = shell(
        'echo "{\\"gpu\\": \\"$NVIDIA_VISIBLE_DEVICES\\"}"; sleep 60',
        resources={"limits": {"nvidia.com/gpu": 1}},
    )
    for name in ("one", "two"):
        ready(lab.api, pod(name, namespace, container, terminationGracePeriodSeconds=1))
        until(partial(log, lab, namespace, name), "the container tells its GPU")
    assert {printed(log(lab, namespace, name))["gpu"] for name in ("one", "two")} == {"0", "1"}
    start(lab.api, pod("three", namespace, container))

    def unschedulable(document: Document) -> bool:
        return "Insufficient nvidia.com/gpu" in json.dumps(document.get("status", {}))

    lab.api.wait_for(POD, "three", unschedulable, namespace=namespace)


def test_a_claim_is_a_folder_that_outlives_pods(lab: Lab, namespace: str, tmp_path):
    tmp_path.chmod(0o777)
    amounts = {"storage": "1Gi"}
    lab.api.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": namespace},
            "spec": {
                "capacity": amounts,
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": str(tmp_path)},
                "claimRef": {"name": "models", "namespace": namespace},
                "storageClassName": "",
            },
        }
    )
    lab.api.create(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": amounts},
                "storageClassName": "",
            },
        }
    )
    mounts = [{"name": "models", "mountPath": "/mnt/models"}]
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
    container = shell("echo kept > /mnt/models/file", volumeMounts=mounts)
    finished(lab, pod("one", namespace, container, restartPolicy="Never", volumes=volumes))
    assert (tmp_path / "file").read_text() == "kept\n"
    lab.api.delete("v1/PersistentVolume", namespace)


def test_a_service_leads_to_ready_pods_only_by_name_and_by_address(lab: Lab, namespace: str):
    lab.api.create(service("web", namespace))
    address = lab.api.get("v1/Service", "web", namespace)["spec"]["clusterIP"]
    ready(lab.api, pod("web", namespace, web(workingDir="/etc")))
    until(lambda: answered(address), "the Service answers")
    script = (
        "python3 -c \"import urllib.request as u; print(u.urlopen('http://web/hostname').status)\""
    )
    text = finished(lab, pod("one", namespace, shell(script), restartPolicy="Never"))
    assert text == "200\n"
    lab.api.delete(POD, "web", namespace)
    lab.api.wait_gone(POD, "web", namespace)
    until(lambda: not answered(address), "the Service has nobody left")


def answered(address: str) -> bool:
    """Whether a cluster IP answers from this machine."""
    try:
        with DIRECT.open(f"http://{address}/hostname", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_pods_of_a_killed_agent_die_with_it_and_come_back(lab: Lab, namespace: str, node: Server):
    document = pod("web", namespace, web())
    ready(lab.api, document)
    node.kill()
    node.begin()
    node.wait_ready()

    def is_back(found: Document) -> bool:
        return main(found).get("restartCount") == 1 and bool(main(found).get("ready"))

    lab.api.wait_for(POD, "web", is_back, namespace=namespace)
