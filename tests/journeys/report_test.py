"""Pages of real runs: what training writes, and how a browser shows it."""

import json
import sys

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.evaluation import saved_model
from gblend_keras.training import trainer
from tests import toy
from tests.reporting import browser

WIDTHS = (360, 768, 1280)


def recipe_in(folder, epochs):
    x, y = toy.arrays(num_examples=90, noise=2.0)
    np.savez(folder / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [
            f"data.path={folder / 'toy.npz'}",
            f"train.epochs={epochs}",
            "towers.m0.widths=8",
            "towers.m1.widths=8",
            "blend.first_super_epoch=2",
            "blend.super_epoch=1",
            "blend.holdout_fraction=0.2",
            "blend.offline_fraction=0.2",
        ],
    )


def train(recipe, workdir, blend="uniform"):
    keras.backend.clear_session(free_memory=False)
    run = trainer.Run(workdir=workdir, blend=blend, verbose=False)
    return trainer.train(recipe, run)


def test_fresh_run_has_gains_and_confusion(tmp_path):
    summary = train(recipe_in(tmp_path, 2), tmp_path / "run")
    found = json.loads(
        (tmp_path / "run" / "evaluation_test" / "evaluation.json").read_text()
    )
    for answer, accuracy in summary["accuracy"].items():
        assert found["heads"][answer]["top1"] == pytest.approx(accuracy)
    assert (found["seed"], found["split"]) == (0, "test")
    text = (tmp_path / "run" / "report.html").read_text()
    assert "<h2>Confusion</h2>" in text and "<h2>Gains of classes</h2>" in text


@pytest.mark.parametrize("missing", ["matplotlib", "sklearn"])
def test_run_ends_well_without_an_optional_library(
    tmp_path, monkeypatch, missing
):
    monkeypatch.setitem(sys.modules, missing, None)
    summary = train(recipe_in(tmp_path, 1), tmp_path / "run")
    assert set(summary["accuracy"]) >= {"joint", "blend"}
    text = (tmp_path / "run" / "report.html").read_text()
    extra = {"matplotlib": "report", "sklearn": "eval"}[missing]
    assert f"gblend_keras[{extra}]" in text
    assert (tmp_path / "run" / "curves.png").exists() == (
        missing != "matplotlib"
    )


def test_report_of_a_finished_run_comes_back(tmp_path):
    recipe = recipe_in(tmp_path, 1)
    train(recipe, tmp_path / "run")
    (tmp_path / "run" / "report.html").unlink()
    train(recipe, tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of a comparison and of one of its runs."""
    if browser.CHROMIUM is None or browser.DRIVER is None:
        pytest.skip("needs chromium and chromedriver")
    folder = tmp_path_factory.mktemp("pages")
    gb.comparison.compare(
        recipe_in(folder, 4),
        trainer.Run(workdir=folder / "all", verbose=False),
        methods=["modalities", "joint", "offline", "online"],
        seeds=[0, 1],
        tune=1,
    )
    run = folder / "all" / "online" / "seed-0"
    saved = saved_model.evaluate_saved(saved_model.SavedModel(run))
    saved.save(run / "evaluation_test")
    return [gb.reporting.write_report(each) for each in (folder / "all", run)]


@pytest.mark.large
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_browser_shows_whole_pages(pages, width, dark):
    with browser.Browser() as opened:
        for path in pages:
            opened.open(path, width=width, dark=dark)
            found = opened.look()
            assert found["scroll"] <= found["width"] <= width
            assert found["outside"] == []
            assert found["pictures"] >= 8
            assert found["missing"] == found["unnamed"] == 0
            assert found["clipped"] == []
            assert found["console"] == []
            assert found["requests"] == [] and found["scripts"] == 0
            assert is_dark(found["background"]) == dark
            assert is_dark(found["colour"]) != dark
            assert found["unreadable"] == []


@pytest.mark.large
def test_printed_page_is_light_and_whole(pages):
    with browser.Browser() as opened:
        for path in pages:
            opened.open(path, width=794, dark=True, media="print")
            found = opened.look()
            assert not is_dark(found["background"])
            assert found["scroll"] <= found["width"]


def is_dark(color):
    red, green, blue = map(int, color.removeprefix("rgb(")[:-1].split(","))
    return red + green + blue < 300
