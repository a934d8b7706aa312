"""The package as users meet it: imports, tools, README."""

import re
import subprocess
import sys
import zipfile

import pytest

import gblend_keras as gb
from tests.places import ROOT


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        **options,
    )


def test_importing_the_package_loads_no_tensorflow():
    code = (
        "import sys, gblend_keras; gblend_keras.recipes.names();"
        "gblend_keras.blend_weights;"
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    assert python("-c", code).stdout.strip() == "[]"


@pytest.mark.parametrize("name", sorted(gb.__all__))
def test_every_public_name_resolves(name):
    assert getattr(gb, name) is not None


def test_every_module_with_classes_to_load_is_imported_with_keras():
    package = ROOT / "gblend_keras"
    modules = {
        ".".join(path.relative_to(package).with_suffix("").parts)
        for path in package.rglob("*.py")
        if "register_keras_serializable(" in path.read_text("utf-8")
    }
    assert modules == set(gb._REGISTERING)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Blend'"):
        gb.Blend  # noqa: B018


TOOLS = sorted(
    path.name
    for path in (ROOT / "tools").glob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("tool", TOOLS)
def test_help_of_every_tool_loads_no_tensorflow(tool):
    code = (
        "import runpy, sys; sys.argv = ['tool', '--help']\n"
        "try:\n"
        f"    runpy.run_path('tools/{tool}', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "print('tensorflow' in sys.modules)"
    )
    done = python("-c", code)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
    assert len(done.stdout.splitlines()) > 10


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["--recipe=digit"], "value should be one of"),
        (["--set=train.epoch=3"], "Check the spelling."),
        (["--recipe=utd_mhad"], "Add --data_dir=DIR."),
        (["--recipe=utd_mhad", "--data_dir=/nowhere"], "is not there"),
        (["--blend=onlin", "--workdir={tmp}"], "Expected one of"),
        (["--workdir=/proc/no"], "Choose another folder."),
        (["more"], "Expected only flags."),
    ],
)
def test_wrong_flags_end_in_one_sentence(arguments, advice, tmp_path):
    arguments = [each.format(tmp=tmp_path) for each in arguments]
    if not any("workdir" in each for each in arguments):
        arguments.append(f"--workdir={tmp_path / 'run'}")
    done = python("tools/train.py", *arguments)
    assert done.returncode != 0
    assert advice in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_example_in_the_readme_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(example.strip().splitlines()) <= 25
    setting = (
        "import keras\n"
        "from tests import toy\n"
        "x, y = toy.arrays()\n"
        "my_rgb_tower = toy.tower('rgb', 6)\n"
        "my_audio_tower = toy.tower('audio', 7)\n"
        "dataset = {'rgb': x['m0'], 'audio': x['m1']}, y\n"
        "valid = dataset\n"
        "num_classes = 3\n"
    )
    shorter = example.replace("epochs=45", "epochs=3")
    shorter = shorter.replace("(10, 5)", "(2, 1)")
    done = python("-c", setting + shorter)
    assert done.returncode == 0, done.stderr[-2000:]


def test_wheel_holds_the_package_alone_and_works_outside_the_tree(tmp_path):
    done = python(
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        f"--wheel-dir={tmp_path}",
        ".",
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "gblend_keras",
        f"gblend_keras-{gb.__version__}.dist-info",
    }
    assert "gblend_keras/py.typed" in names
    code = (
        f"import sys; sys.path.insert(0, {str(wheel)!r}); import gblend_keras;"
        "print(gblend_keras.__file__, gblend_keras.recipes.names())"
    )
    outside = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert wheel.name in outside.stdout and "utd_mhad" in outside.stdout
