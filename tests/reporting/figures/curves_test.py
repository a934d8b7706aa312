"""Plots of a run."""

from gblend_keras import reporting
from gblend_keras.callbacks import metrics_log
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
