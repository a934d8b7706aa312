"""When an estimate is due, and when the last one is made."""

import dataclasses

import pytest

from gblend_keras.blending.super_epochs import SuperEpochs
from gblend_keras.blending.super_epochs import Window
from tests.blending import estimates


def windows(lengths, end):
    schedule = SuperEpochs(lengths)
    found = [schedule.window_at(epoch, end) for epoch in range(end)]
    return [each for each in found if each is not None]


def test_super_epochs_cover_the_training_and_are_cut_at_its_end():
    # 10 epochs, then 5, then what is left of 17.
    expected = [Window(0, 10), Window(10, 5), Window(15, 2)]
    assert windows((10, 5), 17) == expected
    assert windows((10, 5), 4) == [Window(0, 4)]
    assert windows(None, 17) == [Window(0, 17)]


def test_estimate_that_reaches_the_end_is_the_last():
    estimate = dataclasses.replace(estimates.ANY, epoch=3, num_epochs=2)
    online = SuperEpochs((3, 2))
    assert online.is_done([estimate], 5)
    assert not online.is_done([estimate], 6)
    assert not online.is_done([], 5)
    assert SuperEpochs(None).is_done([estimate], 6)


@pytest.mark.parametrize("lengths", [(0, 5), (5, 0), (5,)])
def test_lengths_out_of_range_are_refused(lengths):
    with pytest.raises(ValueError, match=r"The paper uses \(10, 5\)."):
        SuperEpochs(lengths)


def test_folds_are_for_offline():
    assert not SuperEpochs(None, with_folds=True).are_online
    with pytest.raises(ValueError, match="Use a holdout."):
        SuperEpochs((10, 5), with_folds=True)
