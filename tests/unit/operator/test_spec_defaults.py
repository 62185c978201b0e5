"""What an author gets who writes little."""

import pytest

from retrieval_operator.spec import (
    BUILTIN_URI,
    Precision,
    Scoring,
    parse,
    unsupported,
)
from tests.support.spec import MANIFESTS, document, embedder, load, reranker, service


def test_an_empty_embedder_is_the_builtin_model_on_the_cpu():
    half = embedder()
    assert half.model.uri == BUILTIN_URI
    assert half.gpu is None
    assert half.precision is Precision.AUTO


def test_an_empty_reranker_scores_with_the_builtin_model_as_its_checkpoint_says():
    half = reranker()
    assert half.model.uri == BUILTIN_URI
    assert half.scoring is Scoring.AUTO


def test_what_the_planner_decides_is_left_open():
    half = embedder()
    assert half.workers is None
    assert half.batching.max_batch_tokens is None
    assert half.max_input_tokens is None


def test_an_empty_gpu_is_one_whole_gpu_of_any_product():
    gpu = embedder(gpu={}).gpu
    assert gpu is not None
    assert (gpu.resource, gpu.count, gpu.memory, gpu.products) == ("nvidia.com/gpu", 1, None, ())


def test_components_come_embedder_first_with_their_names_on_the_wire():
    spec = service({"reranker": {"servedName": "judge"}, "embedder": {}}).spec
    assert [half.wire_name for half in spec.components] == ["embedder", "judge"]


def test_trust_is_off_unless_the_author_says_so():
    model = embedder().model
    assert (model.trust_remote_code, model.allow_pickle) == (False, False)


def test_metadata_keeps_what_the_operator_needs():
    written = document()
    written["metadata"] |= {"uid": "u-1", "generation": 3, "resourceVersion": "9"}
    metadata = parse(written).metadata
    assert (metadata.uid, metadata.generation, metadata.namespace) == ("u-1", 3, "default")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_of_the_repository_can_be_read_and_acted_on(path):
    assert unsupported(parse(load(path))) == ()
