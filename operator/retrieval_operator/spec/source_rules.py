"""Rules on a model's address, on what is said of it, and on how its devices are asked for."""

from __future__ import annotations

import re
from typing import Final

from retrieval_operator.spec.component import Gpu, ResourceClaim
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.source import SCHEMES, ModelSource, Shape

_ADDRESS: Final = f"^({'|'.join(SCHEMES)})://[!-~]+$"

_HUB: Final = "^hf://[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"

SOURCE_RULES: Final = (
    Rule(
        on=ModelSource,
        at=".uri",
        cel=f"self.uri.matches('{_ADDRESS}')",
        holds=lambda model: re.fullmatch(_ADDRESS, model.uri) is not None,
        says="uri (%s) must start with one of "
        + ", ".join(f"{scheme}://" for scheme in SCHEMES)
        + " and have no spaces",
        facts=("self.uri",),
    ),
    Rule(
        on=ModelSource,
        at=".uri",
        cel=f"!self.uri.startsWith('hf://') || self.uri.matches('{_HUB}')",
        holds=lambda model: (
            not model.uri.startswith("hf://") or re.fullmatch(_HUB, model.uri) is not None
        ),
        says="a hf:// uri (%s) must be hf://OWNER/NAME: add the owner, and put a version into "
        "revision",
        facts=("self.uri",),
    ),
    Rule(
        on=ModelSource,
        at=".revision",
        cel="!has(self.revision) || self.uri.startsWith('hf://')",
        holds=lambda model: model.revision is None or model.uri.startswith("hf://"),
        says="revision (%s) is only for hf:// models (uri is %s): remove it, or name the version "
        "in the uri",
        facts=("self.revision", "self.uri"),
    ),
    Rule(
        on=ModelSource,
        at=".tokenSecret",
        cel="!has(self.tokenSecret) || self.uri.startsWith('hf://')",
        holds=lambda model: model.token_secret is None or model.uri.startswith("hf://"),
        says="tokenSecret (%s) is only for hf:// models (uri is %s): remove it, and give "
        "podTemplate.serviceAccountName the credentials of a bucket",
        facts=("self.tokenSecret.name", "self.uri"),
    ),
    Rule(
        on=ModelSource,
        at=".shape",
        cel="!has(self.like) || !has(self.shape)",
        holds=lambda model: model.like is None or model.shape is None,
        says="like (%s) and shape must not both be set: remove one",
        facts=("self.like",),
    ),
    Rule(
        on=Shape,
        at=".attentionHeads",
        cel="has(self.headSize) || self.attentionHeads <= self.hiddenSize",
        holds=lambda shape: (
            shape.head_size is not None or shape.attention_heads <= shape.hidden_size
        ),
        says="attentionHeads (%d) must not be above hiddenSize (%d): correct one, or set headSize",
        facts=("self.attentionHeads", "self.hiddenSize"),
    ),
)
"""What an author may say of a checkpoint."""


def _is_described(gpu: Gpu) -> bool:
    return not gpu.resource_claims or gpu.memory is not None or bool(gpu.products)


GPU_RULES: Final = (
    Rule(
        on=Gpu,
        at=".resourceClaims",
        cel="!has(self.resourceClaims) || size(self.resourceClaims) == 0 || has(self.memory) || "
        "(has(self.products) && size(self.products) > 0)",
        holds=_is_described,
        says="resourceClaims (%d) say nothing of the device's memory: set memory or products too",
        facts=("size(self.resourceClaims)",),
    ),
    Rule(
        on=Gpu,
        at=".count",
        cel="!has(self.resourceClaims) || size(self.resourceClaims) == 0 || "
        "self.count <= size(self.resourceClaims)",
        holds=lambda gpu: not gpu.resource_claims or gpu.count <= len(gpu.resource_claims),
        says="count (%d) is above the number of resourceClaims (%d): give each device a claim of "
        "its own",
        facts=("self.count", "size(self.resourceClaims)"),
    ),
    Rule(
        on=ResourceClaim,
        at=".resourceClaimName",
        cel="has(self.resourceClaimName) != has(self.resourceClaimTemplateName)",
        holds=lambda claim: (
            (claim.resource_claim_name is None) != (claim.resource_claim_template_name is None)
        ),
        says="a claim (%s) needs either resourceClaimName or resourceClaimTemplateName: set one, "
        "not both",
        facts=("self.name",),
    ),
)
"""How devices may be asked for through dynamic resource allocation."""
