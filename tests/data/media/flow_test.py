"""Optical flow of pictures that were moved by a known way."""

import sys

import numpy as np
import pytest

from gblend_keras.data.media import flow

RIGHT, DOWN = 3, 2


def moving(num_frames=3):
    """Smooth noise that moves 3 pixels right and 2 down a frame."""
    noise = np.random.default_rng(0).normal(size=(120, 140))
    kernel = np.hanning(11) / np.hanning(11).sum()
    for axis in (0, 1):
        noise = np.apply_along_axis(np.convolve, axis, noise, kernel, "same")
    noise = 255 * (noise - noise.min()) / np.ptp(noise)
    picture = np.repeat(noise[..., None].astype(np.uint8), 3, axis=-1)
    return np.stack(
        [
            picture[
                20 - DOWN * t : 100 - DOWN * t, 20 - RIGHT * t : 116 - RIGHT * t
            ]
            for t in range(num_frames)
        ]
    )


@pytest.mark.parametrize("method", flow.METHODS)
def test_flow_of_a_moved_picture_is_the_way_it_moved(method):
    found = flow.optical_flow(moving(), method=method)
    assert found.shape == (3, 80, 96, 2)
    assert found.dtype == np.float32
    inner = found[:, 20:-20, 20:-20]
    np.testing.assert_allclose(np.median(inner, (0, 1, 2)), [3, 2], atol=0.05)
    assert np.abs(inner - [3, 2]).max() < 0.2
    np.testing.assert_array_equal(found[-1], found[-2])  # nothing comes after


@pytest.mark.parametrize("method", flow.METHODS)
def test_flow_is_cut_at_the_bound(method):
    found = flow.optical_flow(moving(), method=method, bound=2.5)
    assert found.max() == 2.5
    assert np.median(found[..., 1]) == pytest.approx(DOWN, abs=0.1)


@pytest.mark.parametrize("method", flow.METHODS)
def test_what_stands_still_has_no_flow(method):
    still = np.repeat(moving(1), 4, axis=0)
    found = flow.optical_flow(still, method=method)
    np.testing.assert_allclose(found[:, 20:-20, 20:-20], 0, atol=0.01)
    alone = flow.optical_flow(still[:1], method=method)
    np.testing.assert_array_equal(alone, np.zeros((1, 80, 96, 2)))


def test_flow_leaves_the_number_of_threads_alone():
    cv2 = pytest.importorskip("cv2")
    before = cv2.getNumThreads()
    flow.optical_flow(moving(2))
    assert cv2.getNumThreads() == before


def test_codes_by_hand():
    # 128 + round(127 * x / 20): -20 -> 1, 0 -> 128, 10 -> 128 + 63.5 -> 192
    # (half to even), 20 -> 255; 30 is cut.
    given = np.array([-30, -20, 0, 10, 20, 30], np.float32)
    codes = flow.encode_flow(given, bound=20)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [1, 1, 128, 192, 255, 255]
    back = flow.decode_flow(codes, bound=20)
    assert back.dtype == np.float32
    np.testing.assert_allclose(
        back, [-20, -20, 0, 64 * 20 / 127, 20, 20], rtol=1e-6
    )


@pytest.mark.parametrize("bound", [0.5, 20.0])
def test_round_trip_errs_by_half_a_step(bound):
    given = np.linspace(-bound, bound, 9999, dtype=np.float32)
    back = flow.decode_flow(flow.encode_flow(given, bound=bound), bound=bound)
    error = np.abs(back - given).max()
    assert error <= bound / 254 * 1.001
    assert error > bound / 300  # the bound that is documented is tight
    again = flow.decode_flow(flow.encode_flow(back, bound=bound), bound=bound)
    np.testing.assert_array_equal(again, back)


@pytest.mark.parametrize(
    ("frames", "advice"),
    [
        (np.zeros((2, 32, 32), np.uint8), "Pass the images of"),
        (np.zeros((2, 32, 32, 3), np.float32), "Pass the images of"),
        (np.zeros((0, 32, 32, 3), np.uint8), "Pass the images of"),
        (np.zeros((2, 32, 15, 3), np.uint8), "with a larger `short_side`."),
    ],
)
def test_what_is_no_clip_is_refused(frames, advice):
    with pytest.raises(ValueError, match=advice):
        flow.optical_flow(frames)


@pytest.mark.parametrize("wrong", [{"method": "tvl1"}, {"bound": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="Choose"):
        flow.optical_flow(moving(2), **wrong)


@pytest.mark.parametrize("function", [flow.encode_flow, flow.decode_flow])
def test_codes_need_a_positive_bound(function):
    with pytest.raises(ValueError, match="Choose a value inside."):
        function(np.zeros(3, np.uint8), bound=-1)


def test_missing_opencv_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        ImportError, match=r'pip install "gblend_keras\[video\]"'
    ):
        flow.optical_flow(moving(2))
