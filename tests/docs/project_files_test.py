"""Files beside the code that repeat what stands elsewhere."""

import re
import tomllib

import gblend_keras as gb
from tests.places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def read(*place):
    return ROOT.joinpath(*place).read_text(encoding="utf-8")


def test_citation_names_the_version_and_the_licence():
    text = read("CITATION.cff")
    assert f"\nversion: {gb.__version__}\n" in text
    assert f"\nlicense: {PROJECT['license']['text']}\n" in text
    assert (
        "What Makes Training Multi-Modal Classification Networks Hard?" in text
    )


def test_oldest_versions_are_of_what_is_required():
    required = {
        re.match(r"[\w-]+", each)[0] for each in PROJECT["dependencies"]
    }
    pinned = re.findall(r"(?m)^([\w-]+)==", read("constraints", "oldest.txt"))
    assert {"tensorflow", "keras", "numpy"} == set(pinned) <= required


def test_workflow_runs_make_test_on_each_python_and_on_the_oldest_versions():
    text = read(".github", "workflows", "ci.yml")
    assert "make PYTHON=python test" in text
    assert "constraints/oldest.txt" in text
    for version in ("3.11", "3.12"):
        assert f'python: "{version}", versions: newest' in text


def test_hooks_run_the_tools_of_the_environment():
    text = read(".pre-commit-config.yaml")
    entries = re.findall(r"entry: (.+)", text)
    assert entries == [
        ".venv/bin/ruff format",
        ".venv/bin/ruff check",
        ".venv/bin/mypy",
    ]
