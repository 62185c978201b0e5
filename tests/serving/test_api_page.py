"""Every curl of docs/api.md, sent to a running predictor, answers what the page shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import httpx
import pytest

from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

PAGE = Path("docs/api.md").read_text(encoding="utf-8").replace("\\\n", "")
EXAMPLES: list[tuple[str, str]] = re.findall(r"^\$ (curl .*)\n(.*)$", PAGE, re.MULTILINE)
NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
CLOSE = 0.002
"""The page shows three or four digits, and a CPU that computes in bf16 differs in the next."""


def pattern(shown: str) -> str:
    """What the page shows as a pattern: numbers are captured, … is whatever a list goes on with."""
    plain = re.escape(shown).replace("\\-", "-").replace("\\.", ".")
    return re.sub(NUMBER, lambda _: f"({NUMBER})", plain).replace("…", r'[^\]"]*')


def test_the_page_has_an_example_of_each_way_to_ask():
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize(("command", "shown"), EXAMPLES, ids=[one for one, _ in EXAMPLES])
def test_the_answer_is_the_one_shown(
    command: str, shown: str, embedder: Predictor, reranker: Predictor
):
    _, _, address, _, body = shlex.split(command)
    port, path = re.fullmatch(r"localhost:(\d+)(/.*)", address).groups()  # type: ignore[union-attr]
    predictor = {"8080": embedder, "8090": reranker}[port]
    form = {"content-type": "application/x-www-form-urlencoded"}  # what curl says of -d
    answer = httpx.post(predictor.url + path, content=body, headers=form, timeout=30)
    match = re.fullmatch(pattern(shown), answer.text)
    assert match, answer.text
    pairs = zip(match.groups(), re.findall(NUMBER, shown), strict=True)
    assert all(abs(float(got) - float(told)) < CLOSE for got, told in pairs)
