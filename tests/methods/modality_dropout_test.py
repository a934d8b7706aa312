"""Modality dropout: what is dropped, and how often."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.methods import modality_dropout


def test_dropped_modalities_are_those_with_small_draws():
    draws = tf.constant([[0.1, 0.9], [0.5, 0.6], [0.1, 0.05]])
    found = modality_dropout.kept(draws, 0.2).numpy()
    # In the last row both would go; the larger draw stays.
    assert found.tolist() == [[False, True], [True, True], [True, False]]


def test_modalities_are_dropped_as_often_as_said_and_never_all():
    draws = tf.constant(np.random.default_rng(0).random((20000, 2)), tf.float32)
    found = modality_dropout.kept(draws, 0.4).numpy()
    assert found.any(axis=1).all()
    # Each is dropped with 0.4, save for half of the cases where both were.
    assert found.mean(axis=0) == pytest.approx([0.68, 0.68], abs=0.015)


def test_dropped_inputs_are_what_stands_for_absent_ones():
    norm = keras.layers.Normalization(mean=[2.0, 3.0], variance=[1.0, 4.0])
    pose = keras.Sequential([keras.Input((2,)), norm], name="pose_tower")
    text = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(3, 4),
            keras.layers.GlobalAveragePooling1D(),
        ],
        name="text_tower",
    )
    rule = modality_dropout.ModalityDropout(0.5)
    network = gb.late_fusion({"pose": pose, "text": text}, 3)
    gb.BlendedModel(network, rule=rule)
    x = {"pose": tf.ones((64, 2)), "text": tf.ones((64, 5), tf.int32)}
    found = rule.inputs(x, keras.random.SeedGenerator(0))
    absent = {"pose": [2.0, 3.0], "text": [0] * 5}  # the mean; zeros
    for name, value in found.items():
        assert value.dtype == x[name].dtype and value.shape == x[name].shape
        dropped = (value.numpy() == absent[name]).all(axis=1)
        assert 0 < dropped.mean() < 1
        assert (value.numpy()[~dropped] == 1).all()


def test_inputs_of_open_size_are_refused():
    tower = keras.Sequential(
        [
            keras.Input((None, 2)),
            keras.layers.GlobalAveragePooling1D(),
        ],
        name="m0_tower",
    )
    rule = modality_dropout.ModalityDropout(0.5)
    with pytest.raises(ValueError, match="'m0' cannot be left out"):
        gb.BlendedModel(gb.late_fusion({"m0": tower}, 3), rule=rule)
