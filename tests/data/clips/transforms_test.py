"""Every operation by hand, and the same eagerly as inside tf.data."""

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.clips import transforms
from gblend_keras.data.media import flow

SEED = (3, 141)


def clip_of(height=20, width=30, frames=4, channels=3, dtype=np.uint8):
    count = frames * height * width * channels
    values = np.arange(count).reshape(frames, height, width, channels)
    return (values % 251).astype(dtype)


def check_everywhere(operation, *inputs, shape=None):
    """Contract: eager, traced and unknown shapes agree; returns the result.

    `shape` is the static shape that a dataset must know of the result.
    """
    eager = operation(*inputs)
    dataset = tf.data.Dataset.from_tensors(tuple(inputs)).repeat(2)
    mapped = dataset.map(operation)
    for each in mapped:
        assert each.dtype == eager.dtype
        np.testing.assert_array_equal(each, eager)
    if shape is not None:
        assert mapped.element_spec.shape.as_list() == list(shape)
    hidden = tuple(
        tf.TensorSpec([None] * np.ndim(each), tf.as_dtype(each.dtype))
        for each in map(tf.convert_to_tensor, inputs)
    )
    traced = tf.function(operation, input_signature=hidden, autograph=False)
    np.testing.assert_array_equal(traced(*inputs), eager)
    return eager.numpy()


OPERATIONS = {
    "resize_short_side": (
        lambda clip, seed: transforms.resize_short_side(clip, 15),
        (4, 15, 22, 3),
        np.float32,
    ),
    "jitter_short_side": (
        lambda clip, seed: transforms.jitter_short_side(clip, 10, 40, seed),
        (4, None, None, 3),
        np.float32,
    ),
    "random_crop": (
        lambda clip, seed: transforms.random_crop(clip, 8, seed),
        (4, 8, 8, 3),
        np.uint8,
    ),
    "center_crop": (
        lambda clip, seed: transforms.center_crop(clip, 8),
        (4, 8, 8, 3),
        np.uint8,
    ),
    "three_crops": (
        lambda clip, seed: transforms.three_crops(clip, 8),
        (3, 4, 8, 8, 3),
        np.uint8,
    ),
    "mirror": (transforms.mirror, (4, 20, 30, 3), np.uint8),
    "normalise": (
        lambda clip, seed: transforms.normalize(clip),
        (4, 20, 30, 3),
        np.float32,
    ),
    "decode_flow": (
        lambda clip, seed: transforms.decode_flow(clip, 20.0),
        (4, 20, 30, 3),
        np.float32,
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_is_the_same_everywhere(name):
    operation, shape, dtype = OPERATIONS[name]
    seed = np.array(SEED, np.int32)
    result = check_everywhere(operation, clip_of(), seed, shape=shape)
    wide = operation(clip_of(), seed.astype(np.int64))
    np.testing.assert_array_equal(wide, result)
    assert result.dtype == dtype
    assert result.ndim == len(shape)


TIMES = {
    "temporal_start": (
        lambda n, seed: transforms.temporal_start(n, 16, seed),
        (),
    ),
    "uniform_starts": (lambda n, seed: transforms.uniform_starts(n, 16), (10,)),
    "frame_indices": (
        lambda n, seed: transforms.frame_indices(3, 8, 2, n),
        (8,),
    ),
}


@pytest.mark.parametrize("num_frames", [1, 16, 17, 300])
@pytest.mark.parametrize("name", TIMES)
def test_times_are_the_same_everywhere(name, num_frames):
    operation, shape = TIMES[name]
    result = check_everywhere(
        operation, np.int32(num_frames), np.array(SEED), shape=shape
    )
    assert result.dtype == np.int32
    assert np.all((result >= 0) & (result < num_frames))


@pytest.mark.parametrize(
    ("size", "short", "expected"),
    [
        ((240, 320), 256, (256, 341)),  # 320 * 256 / 240 = 341.3
        ((320, 240), 128, (171, 128)),  # 170.7
        ((101, 101), 50, (50, 50)),
    ],
)
def test_short_side_keeps_the_aspect(size, short, expected):
    clip = np.zeros((1, *size, 1), np.uint8)
    assert transforms.resize_short_side(clip, short).shape[1:3] == expected
    assert transforms.resize_short_side(clip, tf.constant(short)).shape[
        1:3
    ] == (expected)


def test_resizing_to_the_same_size_changes_nothing():
    clip = clip_of()
    np.testing.assert_array_equal(transforms.resize_short_side(clip, 20), clip)


def drawn(operation, count=60):
    return [operation((0, number)).numpy() for number in range(count)]


def test_jitter_draws_every_side_of_its_range():
    clip = np.zeros((1, 2, 4, 1), np.uint8)
    sizes = drawn(
        lambda s: tf.shape(transforms.jitter_short_side(clip, 4, 8, s))
    )
    assert {tuple(size[1:3]) for size in sizes} == {
        (4, 8), (5, 10), (6, 12), (7, 14), (8, 16),
    }  # fmt: skip


def test_random_crop_reaches_every_place_and_cuts_all_frames_alike():
    clip = clip_of(5, 6, frames=2)
    crops = drawn(lambda seed: transforms.random_crop(clip, 4, seed))
    places = set()
    for crop in crops:
        ((row, column),) = [
            (row, column)
            for row in range(2)
            for column in range(3)
            if np.array_equal(crop, clip[:, row : row + 4, column : column + 4])
        ]
        places.add((row, column))
    assert len(places) == 6


def test_center_crop_by_hand():
    clip = clip_of(7, 10)
    np.testing.assert_array_equal(
        transforms.center_crop(clip, 4), clip[:, 1:5, 3:7]
    )
    np.testing.assert_array_equal(
        transforms.center_crop(clip, 7)[:, :, 0], clip[:, :, 1]
    )


def test_three_crops_span_the_longer_side():
    wide = clip_of(8, 14)
    np.testing.assert_array_equal(
        transforms.three_crops(wide, 8),
        np.stack([wide[:, :, :8], wide[:, :, 3:11], wide[:, :, 6:]]),
    )
    high = clip_of(14, 10)
    np.testing.assert_array_equal(
        transforms.three_crops(high, 8),
        np.stack([high[:, 0:8, 1:9], high[:, 3:11, 1:9], high[:, 6:, 1:9]]),
    )


def test_every_second_clip_is_mirrored():
    clip = clip_of(4, 5)
    results = drawn(lambda seed: transforms.mirror(clip, seed))
    turned = [np.array_equal(each, clip[:, :, ::-1]) for each in results]
    kept = [np.array_equal(each, clip) for each in results]
    assert all(a != b for a, b in zip(turned, kept, strict=True))
    assert 0.4 < np.mean(turned) < 0.6


def test_mirrored_flow_moves_the_other_way():
    moves = clip_of(4, 5, channels=2, dtype=np.float32)
    seeds = [(0, number) for number in range(20)]
    turned = [
        s
        for s in seeds
        if not np.array_equal(transforms.mirror(moves, s), moves)
    ]
    assert 0 < len(turned) < 20
    for seed in turned:
        result = transforms.mirror(moves, seed, flow=True).numpy()
        np.testing.assert_array_equal(result[..., 0], -moves[:, :, ::-1, 0])
        np.testing.assert_array_equal(result[..., 1], moves[:, :, ::-1, 1])
    # RGB and flow of one example turn together.
    for seed in seeds:
        rgb = transforms.mirror(clip_of(4, 5), seed).numpy()
        assert np.array_equal(rgb, clip_of(4, 5)) == (seed not in turned)


def test_one_seed_serves_all_operations_without_coupling_them():
    clip = clip_of(5, 6, frames=1)
    seeds = [(0, number) for number in range(100)]
    mirrored = [
        not np.array_equal(transforms.mirror(clip, seed), clip)
        for seed in seeds
    ]
    starts = [int(transforms.temporal_start(17, 16, seed)) for seed in seeds]
    left = [
        np.array_equal(transforms.random_crop(clip, 5, seed), clip[:, :, :5])
        for seed in seeds
    ]
    draws = np.array([mirrored, starts, left], float)
    couplings = np.corrcoef(draws)[np.triu_indices(3, 1)]
    assert np.abs(couplings).max() < 0.4  # 4 standard deviations


def test_training_starts_cover_the_video():
    starts = drawn(lambda seed: transforms.temporal_start(20, 16, seed))
    assert set(map(int, starts)) == {0, 1, 2, 3, 4}
    assert int(transforms.temporal_start(5, 16, SEED)) == 0


def test_uniform_starts_by_hand():
    # last = 43 - 16 = 27: 0, 3, 6, ... 27.
    assert transforms.uniform_starts(43, 16).numpy().tolist() == list(
        range(0, 28, 3)
    )
    # last = 4, four clips: 0, 4/3, 8/3, 4.
    assert transforms.uniform_starts(20, 16, 4).numpy().tolist() == [0, 1, 2, 4]
    assert transforms.uniform_starts(20, 16, 1).numpy().tolist() == [2]
    assert transforms.uniform_starts(9, 16, 3).numpy().tolist() == [0, 0, 0]
    assert transforms.uniform_starts(10**9, 16)[-1] == 10**9 - 16


def test_frames_past_the_end_repeat_the_last():
    indices = transforms.frame_indices(2, 4, 3, available=9)
    assert indices.numpy().tolist() == [2, 5, 8, 8]


def test_normalise_by_hand():
    # (168.3499 - 110.201) / 58.1489 = 1; 100.64 is the mean of green.
    pixel = np.array([[[[168.3499, 100.64, 40.6642]]]], np.float32)
    np.testing.assert_allclose(
        transforms.normalize(pixel), [[[[1, 0, -1]]]], atol=1e-6
    )
    np.testing.assert_allclose(
        transforms.normalize(clip_of(2, 2, channels=2), 10, 4),
        (clip_of(2, 2, channels=2) - 10.0) / 4,
    )


def test_flow_is_decoded_as_numpy_does_it():
    codes = np.arange(256, dtype=np.uint8)
    np.testing.assert_allclose(
        transforms.decode_flow(codes, 20.0), flow.decode_flow(codes), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (
            lambda: transforms.center_crop(clip_of(), 21),
            "Resize the clip first.",
        ),
        (
            lambda: transforms.three_crops(clip_of(), 0),
            "Resize the clip first.",
        ),
        (
            lambda: transforms.random_crop(clip_of()[0], 8, SEED),
            "Map clips one by",
        ),
        (
            lambda: transforms.resize_short_side(clip_of()[None], 8),
            "Map clips one",
        ),
        (
            lambda: transforms.jitter_short_side(clip_of(), 9, 8, SEED),
            "Use 256 and",
        ),
        (
            lambda: transforms.mirror(clip_of(), SEED, flow=True),
            "Call `decode_flow`",
        ),
        (lambda: transforms.uniform_starts(9, 3, 0), "The paper takes 10."),
    ],
)
def test_wrong_arguments_say_what_to_do(call, advice):
    with pytest.raises(ValueError, match=advice):
        call()


def test_small_clip_of_unknown_size_is_refused_when_it_runs():
    spec = tf.TensorSpec([None, None, None, 3], tf.uint8)
    crop = tf.function(
        lambda clip: transforms.center_crop(clip, 21), input_signature=[spec]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="Resize the clip"):
        crop(clip_of())
