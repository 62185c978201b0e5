"""Where a checkpoint comes from, and what an author can say of one that nobody can look into."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from retrieval_operator.spec.block import Block, ObjectName
from retrieval_operator.spec.choices import StoredPrecision

BUILTIN_URI = "builtin://all-MiniLM-L6-v2"
SCHEMES = ("builtin", "hf", "pvc", "s3", "gs", "oci", "file")


class SecretKey(Block):
    """One key of a Secret in the same namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = "token"
    """Key inside the Secret."""


class Shape(Block):
    """Sizes of a model, as its config.json has them; the plan computes memory and speed from it."""

    model_type: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$")]
    """`model_type` of config.json, such as bert, xlm-roberta, modernbert or qwen3."""
    hidden_size: Annotated[int, Field(ge=1, le=65_536)]
    """`hidden_size` of config.json."""
    layers: Annotated[int, Field(ge=1, le=512)]
    """`num_hidden_layers` of config.json."""
    intermediate_size: Annotated[int, Field(ge=1, le=524_288)]
    """`intermediate_size` of config.json."""
    attention_heads: Annotated[int, Field(ge=1, le=1024)]
    """`num_attention_heads` of config.json."""
    key_value_heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """`num_key_value_heads` of config.json. Omitted: as many as attention heads."""
    head_size: Annotated[int, Field(ge=1, le=4096)] | None = None
    """`head_dim` of config.json. Omitted: hidden size divided by attention heads."""
    vocabulary_size: Annotated[int, Field(ge=1, le=4_194_304)]
    """`vocab_size` of config.json."""
    max_tokens: Annotated[int, Field(ge=8, le=1_048_576)]
    """Longest input the weights take; for RoBERTa and its kin two less than
    `max_position_embeddings`."""
    parameters: Annotated[int, Field(ge=1, le=1_000_000_000_000)] | None = None
    """Parameters, vocabulary head not counted. Omitted: counted from the sizes; needed for a
    `modelType` whose formula is not known."""
    dtype: StoredPrecision = StoredPrecision.FP32
    """Number format of the stored weights."""


class ModelSource(Block):
    """Where the checkpoint comes from and how far it is trusted."""

    uri: Annotated[str, Field(min_length=1, max_length=512)] = BUILTIN_URI
    """Address of the checkpoint: hf://ORGANISATION/NAME, pvc://CLAIM/PATH, s3://BUCKET/PATH,
    gs://BUCKET/PATH, oci://IMAGE, file:///PATH (a folder of the pod), or
    builtin://all-MiniLM-L6-v2, which is part of the predictor's image and needs no download."""
    revision: (
        Annotated[
            str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")
        ]
        | None
    ) = None
    """Commit, tag or branch of a hf:// model. Pin a commit: without it two pods can load different
    weights."""
    token_secret: SecretKey | None = None
    """Secret with the access token of a private or gated hf:// model."""
    like: (
        Annotated[
            str, Field(min_length=3, max_length=256, pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")
        ]
        | None
    ) = None
    """Listed model of the same architecture and size, such as BAAI/bge-m3: the plan takes its
    figures. For a copy or a fine-tuned version at an address that the planner cannot read."""
    shape: Shape | None = None
    """Sizes of a checkpoint that the planner cannot read and that is like no listed model."""
    trust_remote_code: bool = False
    """Run Python code that comes with the checkpoint. Off: such a checkpoint is refused."""
    allow_pickle: bool = False
    """Load pickled weights, which can run code. Off: only safetensors."""
