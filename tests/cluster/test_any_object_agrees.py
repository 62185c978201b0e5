"""For objects of every shape the API server and the parser come to one verdict."""

from hypothesis import HealthCheck, given, settings

from retrieval_operator.errors import SpecError
from retrieval_operator.spec import parse
from tests.cluster.api import Api, Document, Refused
from tests.support.spec import document
from tests.support.spec_documents import specs


def verdict_of_the_server(api: Api, written: Document) -> str:
    try:
        api.try_out(written)
    except Refused as refusal:
        return refusal.message
    return ""


def verdict_of_the_parser(written: Document) -> str:
    try:
        parse(written)
    except SpecError as error:
        return str(error)
    return ""


@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(spec=specs())
def test_one_verdict(api: Api, spec):
    written = document(spec) if isinstance(spec, dict) else document() | {"spec": spec}
    server, parser = verdict_of_the_server(api, written), verdict_of_the_parser(written)
    assert bool(server) == bool(parser), (server, parser)
