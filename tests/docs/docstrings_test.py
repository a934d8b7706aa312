"""Every public name has an example in its docstring, and each example runs."""

import doctest
import importlib
import inspect
import os
import re
import shutil

import pytest

from gblend_keras import config
from tests.docs import workplace
from tests.places import ROOT

PACKAGE = ROOT / "gblend_keras"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
SECTION = re.compile(r"^ *Example:$", re.MULTILINE)

# Examples that train, export or read videos.
SLOW = {
    "data.records.preparation.prepare",
    "evaluation.video_predictor.predict_videos",
    "export.exporter.export_model",
    "training.single_estimate.estimate_blend",
    "training.trainer.train",
}


def public_objects():
    """The functions and classes in the tables of contents, by place."""
    found = [getattr(config, name) for name in config.__all__]
    for table in sorted(PACKAGE.rglob("__init__.pyi")):
        room = ".".join(table.parent.relative_to(ROOT).parts)
        text = table.read_text(encoding="utf-8")
        for module, name in re.findall(
            r"^from \.([\w.]+) import \(?\s*(\w+)", text, flags=re.MULTILINE
        ):
            place = importlib.import_module(f"{room}.{module}")
            found.append(getattr(place, name))
    return {
        f"{each.__module__}.{each.__qualname__}".partition(".")[2]: each
        for each in found
        if inspect.isfunction(each) or inspect.isclass(each)
    }


OBJECTS = public_objects()
WITH_EXAMPLE = {
    name
    for name, each in OBJECTS.items()
    if SECTION.search(each.__doc__ or "") and ">>>" in each.__doc__
}


@pytest.fixture(scope="module")
def example_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workplace")
    workplace.write_workplace(folder)
    return folder


@pytest.fixture
def in_workplace(example_files, tmp_path, monkeypatch):
    # Links: examples write new files there, or whole files anew.
    shutil.copytree(
        example_files, tmp_path, copy_function=os.link, dirs_exist_ok=True
    )
    monkeypatch.chdir(tmp_path)
    # What an example puts into a temporary folder goes with the test.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.large if name in SLOW else ())
        for name in sorted(WITH_EXAMPLE)
    ],
)
def test_example_runs(name, in_workplace):
    example = doctest.DocTestParser().get_doctest(
        inspect.getdoc(OBJECTS[name]), {}, name, None, None
    )
    said = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(example, out=said.append)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("name", sorted(WITH_EXAMPLE))
def test_something_of_an_example_runs(name):
    lines = doctest.DocTestParser().get_examples(OBJECTS[name].__doc__)
    assert any(
        not line.options.get(doctest.SKIP)
        and not line.source.startswith(("import ", "from "))
        for line in lines
    )


def test_every_public_name_has_an_example():
    missing = set(OBJECTS) - WITH_EXAMPLE
    assert not missing, (
        f"{sorted(missing)} show no example. Add one at the end of the "
        "docstring, below a line 'Example:'."
    )
