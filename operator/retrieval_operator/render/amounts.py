"""CPU, memory, disk and devices of a container. Pure.

Quantities are written canonically: the API server rewrites `2048Mi` to `2Gi`, and then every
comparison with the live object would find a difference.
"""

from __future__ import annotations

from typing import Any

from retrieval_operator.plan.result import Decision, Plan
from retrieval_operator.plan.sizes import quantity_text
from retrieval_operator.spec.component import Component, ResourceAmounts
from retrieval_operator.spec.quantity import cores_text


def container_resources(component: Component, plan: Plan) -> dict[str, Any]:
    """Requests and limits; what the object leaves out is what was planned."""
    resources = component.resources
    device = {plan.gpu_resource: str(plan.gpu_count)} if plan.gpu_resource else {}
    claims = (
        [{"name": claim.name} for claim in component.gpu.resource_claims] if component.gpu else []
    )
    return {
        "requests": {**_amounts(resources.requests, plan.requested_millicores, plan), **device},
        "limits": {**_amounts(resources.limits, plan.cpu_millicores, plan), **device},
        **({"claims": claims} if claims else {}),
    }


def _amounts(asked: ResourceAmounts, cores: Decision[int], plan: Plan) -> dict[str, str]:
    millicores = asked.cpu.millicores if asked.cpu else cores.value
    memory_bytes = asked.memory.bytes if asked.memory else plan.memory_bytes.value
    disk = asked.ephemeral_storage
    return {
        "cpu": cores_text(millicores),
        "memory": quantity_text(memory_bytes),
        **({"ephemeral-storage": quantity_text(disk.bytes)} if disk else {}),
    }
