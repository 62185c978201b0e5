"""Images fit the pods that the chart and the operator write for them."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from retrieval_operator.render.context import default_image
from retrieval_operator.render.pod import GRPC_PORT, HTTP_PORT, USER_ID
from tests.chart.helm import only, rendered
from tests.chart.write import CHART, ROOT

BOTH = pytest.mark.parametrize("name", ["operator", "predictor"])
PIP_OPTIONS = {"--constraint", "--requirement", "--no-deps"}
SECRET = "--mount=type=secret,id=pip.conf,target=/etc/pip.conf"
VARIABLES = {
    *("PYTHON_IMAGE", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"),
    *("PIP_NO_CACHE_DIR", "PIP_DISABLE_PIP_VERSION_CHECK", "PIP_PYTHON"),
}


def steps(name: str) -> list[tuple[str, str]]:
    """Every instruction in an image's Dockerfile with its arguments."""
    text = (ROOT / "images" / f"{name}.Dockerfile").read_text().replace("\\\n", " ")
    pairs = (line.partition(" ") for line in text.splitlines() if re.match("[A-Z]", line))
    return [(word, rest) for word, _, rest in pairs]


def instructions(name: str) -> dict[str, str]:
    """The last instruction of each kind in an image's Dockerfile."""
    return dict(steps(name))


def copied(name: str) -> list[str]:
    """What an image takes out of the repository."""
    rests = (rest for word, rest in steps(name) if word == "COPY" and "--from" not in rest)
    return [source for rest in rests for source in rest.split()[:-1]]


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@BOTH
def test_an_image_runs_as_the_user_of_the_pod(name: str):
    found = instructions(name)
    assert found["USER"] == f"{USER_ID}:{USER_ID}"
    pod = only(rendered({}), "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == USER_ID


@BOTH
def test_an_image_starts_a_program_of_this_package(name: str):
    (program,) = json.loads(instructions(name)["ENTRYPOINT"])
    assert program == f"retrieval-{name}"
    assert program in project()["project"]["scripts"]


@BOTH
def test_an_image_has_every_file_that_the_package_is_built_from(name: str):
    told = project()
    built = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = {"pyproject.toml", told["project"]["readme"], *told["project"]["license-files"]}
    needed |= {"constraints.txt", "images/requirements.py"}
    needed |= {path.partition("/")[0] for path in built}
    assert set(copied(name)) == needed
    let = (ROOT / "images" / f"{name}.Dockerfile.dockerignore").read_text().splitlines()
    assert {line for line in let if line.startswith("!")} == {f"!{path}" for path in needed}


@BOTH
def test_pip_is_told_where_to_look_by_a_secret_and_by_nothing_else(name: str):
    commands = [rest.split() for word, rest in steps(name) if word == "RUN"]
    installing = [words for words in commands if "pip" in words]
    assert installing
    for mount, *words in installing:
        assert mount == SECRET
        assert {word for word in words if word.startswith("-")} <= PIP_OPTIONS


@BOTH
def test_an_image_sets_no_other_variable(name: str):
    pairs = (pair for word, rest in steps(name) if word in {"ARG", "ENV"} for pair in rest.split())
    assert {pair.partition("=")[0] for pair in pairs} <= VARIABLES


@BOTH
def test_pip_takes_the_pinned_versions(name: str):
    commands = [
        rest.split() for word, rest in steps(name) if word == "RUN" and "pip" in rest.split()
    ]
    for words in commands:
        assert "--no-deps" in words or words[words.index("--constraint") + 1] == "constraints.txt"


@BOTH
def test_an_image_installs_the_requirements_of_its_extras(name: str):
    (command,) = (rest.split() for _, rest in steps(name) if "requirements.py" in rest.split())
    extras = command[command.index("requirements.py") + 1 : command.index(">")]
    assert name in extras
    assert set(extras) <= project()["project"]["optional-dependencies"].keys()


def test_requirements_are_those_of_the_project_and_of_its_extras(tmp_path: Path):
    table = "dependencies = ['a>=1']\noptional-dependencies = {b = ['c', 'd'], e = ['f']}"
    (tmp_path / "pyproject.toml").write_text(f"[project]\n{table}")
    command = (sys.executable, ROOT / "images" / "requirements.py", "e", "b")
    printed = subprocess.check_output(command, cwd=tmp_path, text=True)
    assert printed.splitlines() == ["a>=1", "f", "c", "d"]


def test_images_say_the_ports_that_pods_have():
    assert instructions("predictor")["EXPOSE"] == f"{HTTP_PORT} {GRPC_PORT}"
    (container,) = only(rendered({}), "Deployment")["spec"]["template"]["spec"]["containers"]
    assert instructions("operator")["EXPOSE"] == str(container["ports"][0]["containerPort"])


def test_chart_operator_and_predictor_carry_one_version():
    version = project()["project"]["version"]
    chart = (CHART / "Chart.yaml").read_text()
    assert f"\nappVersion: {version}\n" in chart
    assert f"\nversion: {version}\n" in chart
    assert default_image() == f"retrieval-predictor:{version}"
    for name in ("operator", "predictor"):
        assert f'image.version="{version}"' in instructions(name)["LABEL"]
