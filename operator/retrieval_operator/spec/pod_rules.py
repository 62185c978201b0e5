"""Rules that span fields of a pod template."""

from __future__ import annotations

import re
from typing import Final

from pydantic.alias_generators import to_snake

from retrieval_operator.spec.block import LABEL_KEY, Block
from retrieval_operator.spec.choices import TaintEffect, TolerationOperator
from retrieval_operator.spec.pod import EnvVar, PodTemplate, Toleration, VolumeMount
from retrieval_operator.spec.reserved import (
    LABELS,
    MOUNT_PATHS,
    PREFIXES,
    VARIABLES,
    VOLUME_PREFIX,
    VOLUMES,
)
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.volume import EnvSource, Projection, Volume, sources


def keys_are_labels(on: type[Block], field: str) -> Rule:
    """The rule that the keys of a map are label names; a schema cannot bound keys."""
    return Rule(
        on=on,
        at=f".{field}",
        cel=f"!has(self.{field}) || self.{field}.all(key, key.matches('{LABEL_KEY}'))",
        holds=lambda block: all(
            re.fullmatch(LABEL_KEY, key) for key in getattr(block, to_snake(field))
        ),
        says=f"every key of {field} must be a label name such as team or example.org/team",
    )


def _is_free(on: type[Block], field: str, taken: str, says: str) -> Rule:
    """The rule that no key of a map matches the pattern of what is `taken`."""
    return Rule(
        on=on,
        at=f".{field}",
        cel=f"!has(self.{field}) || self.{field}.all(key, !key.matches('{taken}'))",
        holds=lambda block: (
            not any(re.search(taken, key) for key in getattr(block, to_snake(field)))
        ),
        says=says,
    )


def _has_one_source(on: type[Block], what: str) -> Rule:
    names = sources(on)
    each = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        on=on,
        at="",
        cel=f"[{each}].exists_one(is, is)",
        holds=lambda block: sum(getattr(block, to_snake(name)) is not None for name in names) == 1,
        says=f"{what} has exactly one source: one of {', '.join(names)}",
    )


_OURS: Final = "|".join(prefix.replace(".", "[.]") for prefix in PREFIXES)
_TAKEN_LABEL: Final = f"^({_OURS}|({'|'.join(LABELS)})$)"
_TAKEN_PATH: Final = f"^/+({'|'.join(path[1:] for path in MOUNT_PATHS)}|)(/|$)"


def _mounts_exist(pod: PodTemplate) -> bool:
    return {mount.name for mount in pod.volume_mounts} <= {volume.name for volume in pod.volumes}


POD_RULES: Final = (
    keys_are_labels(PodTemplate, "labels"),
    keys_are_labels(PodTemplate, "annotations"),
    keys_are_labels(PodTemplate, "nodeSelector"),
    _is_free(
        PodTemplate,
        "labels",
        _TAKEN_LABEL,
        f"labels {', '.join(LABELS)} and those that begin with {', '.join(PREFIXES)} are how pods "
        "are found: choose another name",
    ),
    _is_free(
        PodTemplate,
        "annotations",
        f"^({_OURS})",
        f"annotations that begin with {', '.join(PREFIXES)} are set by the operator and KServe: "
        "choose another name, or use a field of the object",
    ),
    Rule(
        on=EnvVar,
        at=".name",
        cel=f"!(self.name in {list(VARIABLES)})",
        holds=lambda variable: variable.name not in VARIABLES,
        says="a variable that the operator sets (%s) cannot be set here: use the field of the same "
        "name, or model.tokenSecret for a token",
        facts=("self.name",),
    ),
    _has_one_source(EnvSource, "valueFrom"),
    _has_one_source(Volume, "a volume"),
    _has_one_source(Projection, "a source of a projected volume"),
    Rule(
        on=Volume,
        at=".name",
        cel=f"!(self.name in {list(VOLUMES)}) && !self.name.startsWith('{VOLUME_PREFIX}')",
        holds=lambda volume: (
            volume.name not in VOLUMES and not volume.name.startswith(VOLUME_PREFIX)
        ),
        says="a volume of the operator or of KServe has this name (%s): choose another",
        facts=("self.name",),
    ),
    Rule(
        on=VolumeMount,
        at=".mountPath",
        cel=f"!self.mountPath.matches('{_TAKEN_PATH}')",
        holds=lambda mount: re.search(_TAKEN_PATH, mount.mount_path) is None,
        says=f"mountPath (%s) must not be /, nor at or below {', '.join(MOUNT_PATHS)}, which the "
        "pod has already: choose another folder",
        facts=("self.mountPath",),
    ),
    Rule(
        on=EnvVar,
        at=".valueFrom",
        cel="!has(self.value) || !has(self.valueFrom)",
        holds=lambda variable: variable.value is None or variable.value_from is None,
        says="a variable (%s) must not have both value and valueFrom: remove one",
        facts=("self.name",),
    ),
    Rule(
        on=Toleration,
        at=".value",
        cel="self.operator != 'Exists' || !has(self.value) || self.value == ''",
        holds=lambda one: one.operator is not TolerationOperator.EXISTS or not one.value,
        says="operator Exists takes no value (here %s): remove value, or set operator to Equal",
        facts=("self.value",),
    ),
    Rule(
        on=Toleration,
        at=".key",
        cel="self.operator != 'Equal' || has(self.key)",
        holds=lambda one: one.operator is not TolerationOperator.EQUAL or one.key is not None,
        says="operator Equal needs a key: add key, or set operator to Exists to tolerate every "
        "taint",
    ),
    Rule(
        on=Toleration,
        at=".tolerationSeconds",
        cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
        holds=lambda one: one.toleration_seconds is None or one.effect is TaintEffect.NO_EXECUTE,
        says="tolerationSeconds (%d) is for pods that run when a taint appears: set effect to "
        "NoExecute, or remove it",
        facts=("self.tolerationSeconds",),
    ),
    Rule(
        on=PodTemplate,
        at=".volumeMounts",
        cel=(
            "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && "
            "self.volumes.exists(volume, volume.name == mount.name))"
        ),
        holds=_mounts_exist,
        says="every volumeMount must name one of volumes: add the volume, or remove the mount",
    ),
)
