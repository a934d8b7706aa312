"""The package as users meet it: imports, tools, the wheel."""

import inspect
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


@pytest.mark.parametrize(
    "first", ["answers.pool", "blending.model", "evaluation.evaluator"]
)
def test_any_module_can_be_the_first_and_keras_then_knows_our_classes(first):
    code = (
        f"import gblend_keras.{first}, keras;"
        "known = 'gblend_keras>BlendedModel';"
        "assert keras.saving.get_registered_object(known)"
    )
    ran = python("-c", code)
    assert ran.returncode == 0, ran.stderr


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(
        AttributeError, match="no attribute 'Blend'. Did you mean"
    ):
        gb.Blend  # noqa: B018


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
    assert "gblend_keras/data/__init__.pyi" in names
    assert "gblend_keras/zoo/entries/digits_online/weights.npz" in names
    place = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    (info,) = place.glob("*.dist-info")
    assert "gblend = gblend_keras.cli.main:main" in (
        info / "entry_points.txt"
    ).read_text("utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(place)!r})\n"
        "import gblend_keras as gb\n"
        "from gblend_keras.cli import main\n"
        "print(gb.__file__, gb.recipes.names())\n"
        "main.main(['zoo', 'show', 'digits_online'])"
    )
    outside = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert str(place) in outside.stdout and "utd_mhad" in outside.stdout
    assert "ten digits, seen and heard" in outside.stdout


def test_user_s_script_sees_types(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import gblend_keras as gb\n"
        "import numpy as np\n"
        "x, y = {'a': np.zeros((4, 2))}, np.zeros(4)\n"
        "parts = gb.split_holdout((x, y), fraction=0.5)\n"
        "reveal_type(gb.GradientBlending)\n"
        "reveal_type(gb.zoo.names)\n"
        "reveal_type(gb.late_fusion)\n"
        "reveal_type(parts)\n"
        "gb.GradientBlending(super_epoch=(1, 1))\n"
        "gb.split_holdout((x, y), fractoin=0.5)\n"
        "gb.data.nothing\n"
    )
    done = python(
        "-m",
        "mypy",
        "--config-file=pyproject.toml",
        f"--cache-dir={tmp_path}",
        str(script),
    )
    said = done.stdout
    errors = [line for line in said.splitlines() if ": error: " in line]
    lines = {int(line.split(":")[1]) for line in errors}
    assert lines == {9, 10, 11}, said
    assert 'Unexpected keyword argument "super_epoch"' in said
    assert "gblend_keras.callbacks.gradient_blending" in said
    assert "def () -> list[str]" in said
    assert "def (towers: " in said  # of late_fusion; Keras itself has no types
    assert "gblend_keras.data.training_set.TrainingSet" in said


ROOMS = (gb, gb.blending, gb.callbacks, gb.data, gb.evaluation, gb.fusion)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_help_names_types_and_does_not_take_them_apart(room):
    for name in dir(room):
        member = getattr(room, name)
        if inspect.isfunction(member) or inspect.isclass(member):
            assert "_array_like" not in str(inspect.signature(member)), name


def test_contents_are_what_the_table_says():
    assert dir(gb) == sorted(gb.__all__)
    for room in ("data", "towers", "blending", "callbacks", "zoo"):
        assert dir(getattr(gb, room)) == getattr(gb, room).__all__


def test_importing_is_quick():
    code = (
        "import time; begin = time.process_time(); import gblend_keras as gb;"
        "dir(gb.data); print(time.process_time() - begin)"
    )
    assert min(float(python("-c", code).stdout) for _ in range(3)) < 0.3
