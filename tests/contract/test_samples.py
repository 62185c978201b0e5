"""Every sample is planned, rendered and understood by the predictor, and every feature has one."""

import json
from pathlib import Path

import pytest
import yaml

from retrieval_operator.facts import facts_for
from retrieval_operator.inventory import Inventory, Origin, product_node
from retrieval_operator.plan import Plan, ask_of, plan
from retrieval_operator.render import Context, doubts, impossible, render
from retrieval_operator.spec import parse, unsupported
from retrieval_predictor.engine.limits import read_limits
from retrieval_predictor.settings import Batching, Settings
from tests.support.planning import cpu_node
from tests.support.rendering import drafts
from tests.support.spec import MANIFESTS

PRODUCTS = (
    "NVIDIA-L4:4",
    "NVIDIA-A100-SXM4-80GB",
    "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb",
)
NODES = Inventory((*map(product_node, PRODUCTS), cpu_node()), Origin.CLUSTER)
CONTEXT = Context(
    "example/predictor:v1",
    frozenset({"monitoring.coreos.com/v1", "keda.sh/v1alpha1", "serving.knative.dev/v1"}),
    "http://prometheus.monitoring:9090",
)


def read(path: Path):
    return parse(yaml.safe_load(path.read_text()))


def plans(service):
    found = {}
    for component in service.spec.components:
        answer = plan(ask_of(service.spec, component), facts_for(component), NODES)
        assert isinstance(answer, Plan), answer
        found[component.name] = answer
    return found


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_sample_asks_for_nothing_that_cannot_be_done(path):
    service = read(path)
    assert unsupported(service) == ()
    assert impossible(service, CONTEXT) == ()
    assert doubts(service, CONTEXT) == ()


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_the_predictor_reads_the_environment_and_the_limits_of_a_sample(path, monkeypatch):
    service = read(path)
    planned = plans(service)
    found = render(service, drafts(planned, CONTEXT.image), CONTEXT)
    predictors = [one for one in found if one["kind"] == "InferenceService"]
    files = [one["data"]["limits.json"] for one in found if one["kind"] == "ConfigMap"]
    for one, manifest, text in zip(planned.values(), predictors, files, strict=True):
        settings = settings_of(manifest, monkeypatch)
        limits = read_limits(text.encode(), settings.batching, one.max_input_tokens.value)
        assert limits == in_force(service, one)
        assert json.loads(text)["maxBatchTokens"] <= settings.batching.max_batch_tokens
        assert settings.gpu.count == one.gpu_count


def settings_of(manifest: dict, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (container,) = manifest["spec"]["predictor"]["containers"]
    with monkeypatch.context() as patch:
        for entry in container["env"]:
            if entry["name"].startswith("RETRIEVAL_"):
                patch.setenv(entry["name"], entry["value"])
        return Settings()


def in_force(service, plan: Plan) -> Batching:
    component = getattr(service.spec, plan.component.value)
    return Batching(
        max_batch_tokens=plan.max_batch_tokens.value,
        max_batch_size=plan.max_batch_size.value,
        max_queue_tokens=plan.max_queue_tokens.value,
        max_queue_wait_milliseconds=round(plan.max_queue_wait_s * 1000),
        max_queue_delay_milliseconds=component.batching.max_queue_delay_milliseconds,
    )


@pytest.mark.parametrize(
    "words",
    [
        "autoscaling:",
        "metric: CPU",
        "wakeQuery:",
        "deploymentMode: Knative",
        "visibility: External",
        "count: 2",
        "resourceClaims:",
        "apiKeysSecret:",
        "objective:",
        "like:",
        "shape:",
        "maxQueueDelayMilliseconds:",
        "nvidia.com/mig-",
        "replicas: 2",
    ],
)
def test_every_feature_has_a_sample(words):
    assert any(words in path.read_text() for path in MANIFESTS)
