"""Files that earlier versions wrote: one of each, in `tests/formats`.

`1`: 0.1.0 as first merged; checkpoints are Keras' own files.
`2`: checkpoints are state files, and estimates keep their progress.
A new format gets a new folder; these stay as they are.
"""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from gblend_keras import config
from gblend_keras import reporting
from gblend_keras.blending import estimate_progress
from gblend_keras.blending import snapshot
from gblend_keras.blending.estimate import BlendEstimate
from gblend_keras.blending.estimate import read_history
from gblend_keras.callbacks import metrics_log
from gblend_keras.runs import directory
from gblend_keras.training import trainer
from tests import toy

FORMATS = Path(__file__).parent / "formats"
ALL = sorted(FORMATS.iterdir())


@pytest.mark.parametrize("kept", ALL, ids=lambda path: path.name)
def test_stopped_run_of_every_version_goes_on(kept, tmp_path):
    x, y = toy.arrays(num_examples=45)
    np.savez(tmp_path / "toy.npz", y=y, **x)
    workdir = tmp_path / "run"
    shutil.copytree(kept, workdir)
    for name in ("summary.json", "blend_history.progress.state.zip"):
        (workdir / name).unlink(missing_ok=True)
    before = metrics_log.read_metrics(workdir / "metrics.csv")
    estimated = read_history(workdir / "blend_history.json")
    recipe = config.Recipe.from_json(
        json.loads((workdir / "recipe.json").read_text())["recipe"]
    )
    keras.backend.clear_session(free_memory=False)
    trainer.train(
        recipe,
        trainer.Run(
            workdir=workdir, data_dir=tmp_path, blend="online", verbose=False
        ),
    )
    after = metrics_log.read_metrics(workdir / "metrics.csv")
    assert (len(before), len(after)) == (2, 3)
    for row, kept_row in zip(after, before, strict=False):
        assert kept_row.items() <= row.items()
        added = row.keys() - kept_row.keys()  # answers that came later
        assert added == {"pool_accuracy", "val_pool_accuracy"}
        assert not any(row[name] for name in added)
    found = read_history(workdir / "blend_history.json")
    assert estimated[0].items() <= found[0].items()


@pytest.mark.parametrize("kept", ALL, ids=lambda path: path.name)
def test_finished_files_of_every_version_are_read(kept):
    summary = reporting.read_summary(kept)
    assert "Accuracy on test" in reporting.summary_table(summary)
    identity = directory.read_identity(kept / "recipe.json")
    assert identity["recipe"]["train"]["epochs"] == 3
    (entry,) = read_history(kept / "blend_history.json")
    assert BlendEstimate.from_json(entry).num_epochs == 2


def test_progress_of_an_estimate_is_read():
    model = toy.model()
    path = FORMATS / "2" / "blend_history.progress.state.zip"
    kept = estimate_progress.Journal(path, "a fingerprint")
    found = kept.read(model, snapshot.Snapshot(model))
    counts = (found.passes_done, found.epochs_done, found.examples_trained)
    assert counts == (1, 2, 144)
    (pair,) = found.measured
    np.testing.assert_array_equal(pair[1].end, np.full((2, 3), 0.5))


@pytest.mark.parametrize("name", ["summary.json", "recipe.json"])
def test_files_of_unknown_formats_are_refused(name, tmp_path):
    value = json.loads((FORMATS / "2" / name).read_text())
    (tmp_path / name).write_text(json.dumps(value | {"format": 99}))
    read = {
        "summary.json": lambda: reporting.read_summary(tmp_path),
        "recipe.json": lambda: directory.read_identity(tmp_path / name),
    }[name]
    with pytest.raises(ValueError, match="or use the version that wrote it"):
        read()


def test_history_of_an_unknown_format_is_refused(tmp_path):
    path = tmp_path / "blend_history.json"
    entries = json.loads((FORMATS / "2" / path.name).read_text())
    path.write_text(json.dumps([entries[0] | {"format": 99}]))
    with pytest.raises(ValueError, match="Start in a new folder."):
        read_history(path)


def test_every_file_that_a_run_writes_names_its_format():
    newest = ALL[-1]
    for name in ("recipe.json", "summary.json"):
        assert "format" in json.loads((newest / name).read_text())
    for entry in json.loads((newest / "blend_history.json").read_text()):
        assert "format" in entry
