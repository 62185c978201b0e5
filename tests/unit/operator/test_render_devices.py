"""Several devices in a pod, and devices that come through resource claims."""

from tests.support.rendering import container, plans, predictor, service, variables

MODEL = "model: {uri: 'hf://BAAI/bge-large-en-v1.5'}"
TWO = f"embedder: {{{MODEL}, gpu: {{count: 2}}}}"
CLAIMED = (
    f"embedder: {{{MODEL}, gpu: {{memory: 24Gi, resourceClaims: "
    "[{name: card, resourceClaimTemplateName: one-l4}]}}"
)


def test_every_device_is_requested_and_gets_an_engine():
    assert container(TWO)["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert variables(TWO)["RETRIEVAL_GPU__COUNT"] == "2"


def test_the_planned_memory_is_that_of_one_device():
    one = TWO.replace("count: 2", "count: 1")
    name = "RETRIEVAL_PLANNED_MEMORY_BYTES"
    assert variables(TWO)[name] == variables(one)[name]


def test_a_claim_is_handed_to_the_container_instead_of_a_resource():
    found = predictor(CLAIMED)
    assert found["resourceClaims"] == [{"name": "card", "resourceClaimTemplateName": "one-l4"}]
    resources = container(CLAIMED)["resources"]
    assert resources["claims"] == [{"name": "card"}]
    assert "nvidia.com/gpu" not in resources["limits"]


def test_a_claimed_device_is_planned_by_what_is_said_of_it():
    (plan,) = plans(service(CLAIMED)).values()
    assert plan.gpu_memory is not None
    assert plan.gpu_memory is not None
    assert plan.gpu_memory.available_bytes == 24 * 2**30
    assert any("resource claims" in note for note in plan.notes)
