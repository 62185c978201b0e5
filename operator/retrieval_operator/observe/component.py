"""One component: its Deployment's counts, its pods' stages, its pods' troubles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retrieval_operator.observe.pods import PodView, condition, one_line, view
from retrieval_operator.observe.state import ComponentState, Stage, Trouble, TroubleKind
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.env import KNOBS, env_name

_CONTAINER: Final = "kserve-container"
_SCALER: Final = "serving.kserve.io/autoscalerClass"
_STOPPED: Final = "serving.kserve.io/stop"
_SHOWN: Final = tuple((env_name(knob), knob) for knob in (*KNOBS, "threads", "gpu.memoryBytes"))


def observe(
    name: ComponentName,
    inference_service: Mapping[str, Any] | None,
    deployment: Mapping[str, Any] | None,
    pods: Iterable[Mapping[str, Any]],
) -> ComponentState:
    """What runs for a component; all None and empty where nothing was made yet."""
    if inference_service is None:
        return ComponentState(name)
    status = (deployment or {}).get("status") or {}
    desired = int(((deployment or {}).get("spec") or {}).get("replicas", 1)) if deployment else 0
    seen = _newest_first(_that_matter(pods, desired))
    ready = int(status.get("readyReplicas") or 0)
    updated = int(status.get("updatedReplicas") or 0)
    return ComponentState(
        name=name,
        inference_service=str(inference_service["metadata"]["name"]),
        url=_url(inference_service),
        desired=desired,
        updated=updated,
        ready=ready,
        stage=_stage(
            deployment,
            seen,
            desired=desired,
            updated=updated,
            ready=ready,
            is_current=_is_current(deployment) and _follows(deployment, inference_service),
        ),
        troubles=(*_refused_pods(status), *(one.trouble for one in seen if one.trouble)),
        settings=_settings(deployment),
        answering=tuple(one.answering for one in seen if one.answering),
    )


def _stage(
    deployment: Mapping[str, Any] | None,
    pods: Sequence[PodView],
    *,
    desired: int,
    updated: int,
    ready: int,
    is_current: bool,
) -> Stage:
    if deployment is None:
        return Stage.ABSENT
    behind = min((pod.stage for pod in pods), default=Stage.CREATING)
    if behind < Stage.READY or not is_current:
        return min(behind, Stage.ROLLING_OUT)
    total = int((deployment.get("status") or {}).get("replicas") or 0)
    if ready < desired or len(pods) < desired:
        return Stage.CREATING
    return Stage.READY if updated >= desired and total <= updated else Stage.ROLLING_OUT


def _is_current(deployment: Mapping[str, Any] | None) -> bool:
    """Whether the Deployment's status speaks of its present spec."""
    if deployment is None:
        return False
    status, metadata = deployment.get("status") or {}, deployment["metadata"]
    return int(status.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)


def _follows(deployment: Mapping[str, Any] | None, inference_service: Mapping[str, Any]) -> bool:
    """Whether KServe has passed the present settings and number of pods on to the Deployment."""
    spec = (deployment or {}).get("spec") or {}
    predictor = (inference_service.get("spec") or {}).get("predictor") or {}
    given, wanted = _environment(spec.get("template")), _environment({"spec": predictor})
    return wanted.items() <= given.items() and _fixed(inference_service) in {
        None,
        spec.get("replicas"),
    }


def _fixed(inference_service: Mapping[str, Any]) -> int | None:
    """The number of pods, where no scaler decides it."""
    annotations = inference_service["metadata"].get("annotations") or {}
    if annotations.get(_SCALER) != "none" or _STOPPED in annotations:
        return None
    replicas = ((inference_service.get("spec") or {}).get("predictor") or {}).get("minReplicas")
    return None if replicas is None else int(replicas)


def _newest_first(pods: Iterable[PodView]) -> list[PodView]:
    """The newest version's troubles matter most; of one age, the names decide."""
    return sorted(sorted(pods, key=lambda pod: pod.name), key=lambda pod: pod.created, reverse=True)


def _that_matter(pods: Iterable[Mapping[str, Any]], desired: int) -> list[PodView]:
    """The pods that are there to stay, and those that failed while their place is empty.

    A failed pod stays until it is deleted by hand or there are thousands of them
    (kube-controller-manager, `--terminated-pod-gc-threshold`).
    """
    staying = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    running = [view(pod) for pod in staying if not _has_failed(pod)]
    if sum(pod.stage is Stage.READY for pod in running) >= desired:
        return running
    return [*running, *(view(pod) for pod in staying if _has_failed(pod))]


def _has_failed(pod: Mapping[str, Any]) -> bool:
    return (pod.get("status") or {}).get("phase") == "Failed"


def _refused_pods(status: Mapping[str, Any]) -> Iterable[Trouble]:
    """Pods that could not even be created: a quota, a policy or a missing ServiceAccount."""
    failure = condition(status, "ReplicaFailure")
    if failure.get("status") == "True":
        yield Trouble(
            TroubleKind.QUOTA,
            str(failure.get("reason") or "FailedCreate"),
            one_line(failure.get("message")),
            at=failure.get("lastTransitionTime"),
        )


def _url(inference_service: Mapping[str, Any]) -> str | None:
    status = inference_service.get("status") or {}
    return (status.get("address") or {}).get("url") or status.get("url")


def _settings(deployment: Mapping[str, Any] | None) -> dict[str, str]:
    """The predictor's settings as the Deployment's pods are given them, by field name."""
    given = _environment(((deployment or {}).get("spec") or {}).get("template"))
    return {field: given[env] for env, field in _SHOWN if env in given}


def _environment(template: Mapping[str, Any] | None) -> dict[str, str]:
    """Plain variables of the predictor's container, by name."""
    spec = (template or {}).get("spec") or {}
    for container in spec.get("containers") or ():
        if container.get("name") == _CONTAINER:
            return {
                one["name"]: str(one["value"])
                for one in container.get("env") or ()
                if one.get("value") is not None
            }
    return {}
