"""Rules that span fields of a pod template."""

from __future__ import annotations

import re
from typing import Final

from pydantic.alias_generators import to_snake

from retrieval_operator.spec.block import LABEL_KEY, Block
from retrieval_operator.spec.choices import TolerationOperator
from retrieval_operator.spec.env import RESERVED
from retrieval_operator.spec.pod import EnvVar, PodTemplate, Toleration
from retrieval_operator.spec.rule import Rule


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


def _mounts_exist(pod: PodTemplate) -> bool:
    return {mount.name for mount in pod.volume_mounts} <= {volume.name for volume in pod.volumes}


POD_RULES: Final = (
    keys_are_labels(PodTemplate, "labels"),
    keys_are_labels(PodTemplate, "annotations"),
    keys_are_labels(PodTemplate, "nodeSelector"),
    Rule(
        on=EnvVar,
        at=".name",
        cel=f"!(self.name in {list(RESERVED)})",
        holds=lambda variable: variable.name not in RESERVED,
        says="a variable that the operator sets (%s) cannot be set here: use the field of the same "
        "name",
        facts=("self.name",),
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
