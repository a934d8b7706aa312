"""Tables and plots of a run."""

import pytest

from gblend_keras import reporting
from gblend_keras.callbacks import metrics_log
from gblend_keras.utils import files
from tests import toy

HISTORY = [
    {
        "epoch": epoch,
        "num_epochs": 5,
        "weights": {"rgb": 0.7, "joint": 0.3},
        "intervals": {"rgb": [0.5, 0.9], "joint": [0.1, 0.5]},
    }
    for epoch in (0, 5)
]


def is_picture(path):
    data = path.read_bytes()
    width = int.from_bytes(data[16:20], "big")
    return data.startswith(b"\x89PNG") and width > 300


def test_curves_and_weights_are_drawn(tmp_path):
    log = metrics_log.MetricsLog(tmp_path / "metrics.csv", epochs_done=0)
    log.set_model(toy.model())
    for epoch in range(3):
        values = {"rgb_loss": 2.0 - epoch, "joint_loss": 1.5 - epoch}
        values |= {f"val_{name}": 2.0 for name in list(values)}
        log.on_epoch_end(epoch, values)
    reporting.plot_curves(
        tmp_path, heads=["rgb", "joint"], evaluated="test", title="a run"
    )
    reporting.plot_weights(tmp_path, HISTORY, title="a run")
    assert is_picture(tmp_path / "curves.png")
    assert is_picture(tmp_path / "weights.png")


def test_tables_name_every_answer_and_every_super_epoch():
    text = reporting.summary_table(
        {
            "evaluated_on": "test",
            "num_evaluated": 10,
            "accuracy": {"rgb": 0.5, "joint": 0.625},
        }
    )
    assert "rgb" in text and "62.5 %" in text
    lines = reporting.weights_table(HISTORY).splitlines()
    assert len(lines) == 4
    assert lines[2].split() == ["0-5", "0.700", "0.300"]


def test_file_that_fails_to_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError):
        files.write_json(path, {"a": float("nan")})
    with pytest.raises(RuntimeError), files.replacing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [each.name for each in tmp_path.iterdir()] == ["a.json"]
