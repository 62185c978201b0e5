"""The predictor does what its /openapi.json says, whatever is sent."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Predictor, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

CONFIG = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = 10
"""Random requests for each route and kind of check, beside the systematic ones."""


FEW_TEXTS = 8
"""The systematic requests have as many documents as are allowed; thousands tell no more."""


@pytest.fixture(scope="module", params=["embedder", "reranker"])
def predictor(request, tmp_path_factory) -> Iterator[Predictor]:
    folder = tmp_path_factory.mktemp("openapi")
    with running(folder, component=request.param, limits__max_texts=FEW_TEXTS) as one:
        yield one


@pytest.mark.timeout(600)
def test_no_request_finds_another_status_or_another_shape(predictor: Predictor, tmp_path: Path):
    """Also no 5xx, no valid body refused, no invalid one taken, and 405 with the right Allow."""
    script = "from schemathesis.cli import schemathesis; schemathesis()"
    run = [
        *(
            "--config-file",
            str(CONFIG.resolve()),
            "run",
            predictor.url + "/openapi.json",
            "--no-color",
        ),
        *("--exclude-path", "/v1/rerank", "--exclude-path", "/"),  # the same as /rerank
        *("--seed", "1", "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES)),
    ]
    done = subprocess.run(
        [sys.executable, "-c", script, *run],
        cwd=tmp_path,  # it leaves a cache where it runs
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"Tested: \d\d", done.stdout)
    assert predictor.get("/health").status_code == 200


def test_the_page_for_people_has_commands_to_paste(predictor: Predictor):
    page = predictor.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert f"curl -s {predictor.url}/" in page.text
    assert "{name}/infer -d" not in page.text
