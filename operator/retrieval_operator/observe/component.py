"""One component: its Deployment's counts, its pods' stages, its pods' troubles. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from retrieval_operator.observe.pods import PodView, condition, one_line, view
from retrieval_operator.observe.state import ComponentState, Stage, Trouble, TroubleKind
from retrieval_operator.plan.rows import POD_ANNOTATION
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.env import KNOBS, LIMITS_KEY, env_name

_CONTAINER: Final = "kserve-container"
_SCALER: Final = "serving.kserve.io/autoscalerClass"
_MODE: Final = "serving.kserve.io/deploymentMode"
_SHOWN: Final = tuple((env_name(knob), knob) for knob in (*KNOBS, "threads", "gpu.memoryBytes"))


def observe(
    name: ComponentName,
    inference_service: Mapping[str, Any] | None,
    deployment: Mapping[str, Any] | None,
    pods: Iterable[Mapping[str, Any]],
    limits: Mapping[str, Any] | None = None,
) -> ComponentState:
    """What runs for a component; all None and empty where nothing was made yet.

    `limits` is the ConfigMap that its pods read.
    """
    if inference_service is None:
        return ComponentState(name)
    status = (deployment or {}).get("status") or {}
    desired = int(((deployment or {}).get("spec") or {}).get("replicas", 1)) if deployment else 0
    needed = _needed(inference_service, desired) if deployment else 0
    seen = _newest_first(_that_matter(pods, desired))
    is_passed_on = _is_passed_on(inference_service, deployment, desired)
    is_present = is_passed_on and _are_present(inference_service, seen)
    answer = sum(one.stage is Stage.READY for one in seen)
    ready = min(int(status.get("readyReplicas") or 0), answer)  # it may speak of pods that are gone
    updated = int(status.get("updatedReplicas") or 0)
    return ComponentState(
        name=name,
        inference_service=str(inference_service["metadata"]["name"]),
        url=_url(inference_service),
        needed=needed,
        desired=desired,
        updated=updated,
        ready=ready,
        stage=_stage(deployment, seen, desired, ready, is_present=is_present),
        is_passed_on=is_passed_on,
        is_present=is_present,
        wakes_on_request=_annotations(inference_service).get(_MODE) == "Knative",
        troubles=(*_refused_pods(status), *(one.trouble for one in seen if one.trouble)),
        settings=_settings(deployment, limits),
        answering=tuple(one.answering for one in seen if one.answering),
    )


def _stage(
    deployment: Mapping[str, Any] | None,
    pods: Sequence[PodView],
    desired: int,
    ready: int,
    *,
    is_present: bool,
) -> Stage:
    if deployment is None:
        return Stage.ABSENT
    if desired == 0 and not pods:
        return Stage.ASLEEP
    behind = min((pod.stage for pod in pods), default=Stage.CREATING)
    if behind < Stage.READY or not is_present:
        return min(behind, Stage.ROLLING_OUT)
    return Stage.CREATING if ready < desired or len(pods) < desired else Stage.READY


def _is_passed_on(
    inference_service: Mapping[str, Any], deployment: Mapping[str, Any] | None, desired: int
) -> bool:
    """Whether KServe has acted on the present InferenceService: its pod, and its number of pods."""
    if deployment is None:
        return False
    annotations = _annotations(inference_service)
    template = (deployment.get("spec") or {}).get("template") or {}
    given = (template.get("metadata") or {}).get("annotations") or {}
    if given.get(POD_ANNOTATION) != annotations.get(POD_ANNOTATION):
        return False
    return annotations.get(_SCALER) != "none" or desired == _needed(inference_service, desired)


def _are_present(inference_service: Mapping[str, Any], pods: Sequence[PodView]) -> bool:
    """Whether no pod is of a former version: each carries the digest of the pod wanted now.

    The Deployment is not asked: where KServe's change of it was refused, it is content with what
    it has.
    """
    wanted = str(_annotations(inference_service).get(POD_ANNOTATION) or "")
    return all(pod.pod_digest == wanted for pod in pods)


def _needed(inference_service: Mapping[str, Any], desired: int) -> int:
    """How many pods have to answer: what is fixed, or the least that an autoscaler may leave."""
    predictor = (inference_service.get("spec") or {}).get("predictor") or {}
    least = predictor.get("minReplicas")
    return max(1, desired if least is None else int(least))


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str]:
    return document["metadata"].get("annotations") or {}


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


def _settings(
    deployment: Mapping[str, Any] | None, limits: Mapping[str, Any] | None
) -> dict[str, str]:
    """The settings in force, by field name: what the pods were given, and the limits they read."""
    given = _environment(((deployment or {}).get("spec") or {}).get("template"))
    started = {field: given[env] for env, field in _SHOWN if env in given}
    return started | (_limits(limits) if started else {})


def _limits(config_map: Mapping[str, Any] | None) -> dict[str, str]:
    text = ((config_map or {}).get("data") or {}).get(LIMITS_KEY)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {f"batching.{name}": str(value) for name, value in found.items()}


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
