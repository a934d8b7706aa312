"""Pictures of classes."""

from gblend_keras.reporting.figures import classes


def test_confused_pairs_are_sorted_by_examples():
    counts = [[5, 3, 0], [1, 9, 0], [4, 0, 0]]
    # Row 0: 3 of 8; row 1: 1 of 10; row 2: 4 of 4.
    assert classes.confused_pairs(counts) == [
        (2, 0, 4, 1.0),
        (0, 1, 3, 0.375),
        (1, 0, 1, 0.1),
    ]
