"""Images fit the pods that the chart and the operator write for them."""

import json
import re
import tomllib

import pytest

from retrieval_operator.render.context import default_image
from retrieval_operator.render.pod import GRPC_PORT, HTTP_PORT, USER_ID
from tests.chart.helm import only, rendered
from tests.chart.write import CHART, ROOT

BOTH = pytest.mark.parametrize("name", ["operator", "predictor"])


def instructions(name: str) -> dict[str, str]:
    """The last instruction of each kind in an image's Dockerfile."""
    text = (ROOT / "images" / f"{name}.Dockerfile").read_text().replace("\\\n", " ")
    pairs = (line.partition(" ") for line in text.splitlines() if re.match("[A-Z]", line))
    return {word: rest for word, _, rest in pairs}


@BOTH
def test_an_image_runs_as_the_user_of_the_pod(name: str):
    found = instructions(name)
    assert found["USER"] == f"{USER_ID}:{USER_ID}"
    pod = only(rendered({}), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == USER_ID


@BOTH
def test_an_image_starts_a_program_of_this_package(name: str):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (program,) = json.loads(instructions(name)["ENTRYPOINT"])
    assert program == f"retrieval-{name}"
    assert program in project["scripts"]


def test_images_say_the_ports_that_pods_have():
    assert instructions("predictor")["EXPOSE"] == f"{HTTP_PORT} {GRPC_PORT}"
    (container,) = only(rendered({}), "Deployment")["spec"]["template"]["spec"]["containers"]
    assert instructions("operator")["EXPOSE"] == str(container["ports"][0]["containerPort"])


def test_chart_operator_and_predictor_carry_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = (CHART / "Chart.yaml").read_text()
    assert f"\nappVersion: {version}\n" in chart
    assert f"\nversion: {version}\n" in chart
    assert default_image() == f"retrieval-predictor:{version}"
