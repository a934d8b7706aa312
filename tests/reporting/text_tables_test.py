"""Tables of a run."""

from gblend_keras import reporting

HISTORY = [
    {
        "epoch": epoch,
        "num_epochs": 5,
        "weights": {"rgb": 0.7, "joint": 0.3},
        "intervals": {"rgb": [0.5, 0.9], "joint": [0.1, 0.5]},
    }
    for epoch in (0, 5)
]


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
