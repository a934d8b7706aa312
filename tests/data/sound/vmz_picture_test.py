"""VMZ's log-mel against a plain reference, and its alignment with clips."""

import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.sound import _vmz_mel
from gblend_keras.data.sound import vmz_picture
from tests.places import SHARED

GRID = SHARED / "media" / "grid"


def reference_filter(index):
    """Returns {bin: weight} of one filter, bin by bin as VMZ builds it."""
    bin_hz = 16000 / 2 / 129
    step_mel = 1127 * math.log(1 + 8000 / 700) / 41
    start, middle, end = (
        700 * (math.exp((index + edge) * step_mel / 1127) - 1) / bin_hz
        for edge in range(3)
    )
    weights = {}
    last = min(128, int(end) + 1)
    for place in range(int(start), last + 1):
        if place < middle:
            height = 1 - (middle - place) / max(1.0, middle - start)
        else:
            height = 1 - (place - middle) / max(1.0, end - middle)
        if height > 0:
            weights[place] = height
    total = sum(weights.values())
    return {
        place: weight / total
        for place, weight in weights.items()
        if place < last
    }


def reference_log_mel(samples):
    """Computes VMZ's log-mel in float64 with NumPy, window by window."""
    hann = 0.5 * (1 - np.cos(2 * np.pi * np.arange(256) / 255))
    filters = [reference_filter(index) for index in range(40)]
    rows = []
    start = 0
    while len(samples) - start > 256:
        spectrum = np.fft.fft(samples[start : start + 256] * hann)
        power = np.abs(spectrum[:128]) ** 2
        power[0] += np.abs(spectrum[128]) ** 2
        row = []
        for weights in filters:
            x = sum(power[at] * w for at, w in weights.items())
            x *= 1080674186.3482928
            row.append(math.log(x) if x > math.e else x / math.e)
        rows.append(row)
        start += 160
    return np.array(rows).reshape(-1, 40)


def reference_stretch(log_mel, num_frames, clip_start, clip_frames):
    """Resizes the whole picture, then cuts, as VMZ does."""
    total = num_frames * 100 // clip_frames
    size = len(log_mel)
    resized = np.zeros((total, log_mel.shape[1]))
    for row in range(total):
        if total >= size:
            place = (row + 0.5) * size / total - 0.5
            low = math.floor(place)
            share = place - low
            before = log_mel[min(max(low, 0), size - 1)]
            after = log_mel[min(max(low + 1, 0), size - 1)]
            resized[row] = before * (1 - share) + after * share
        else:
            resized[row] = log_mel[row * size // total]
    first = clip_start * total // num_frames
    cut = resized[first : first + 100]
    return np.pad(cut, ((0, 100 - len(cut)), (0, 0)))


def noise(samples, scale=0.1):
    rng = np.random.default_rng(0)
    return (scale * rng.standard_normal(samples)).astype(np.float32)


def loud_tone_in_faint_noise(samples):
    tone = 0.9 * np.sin(2 * np.pi * 440 * np.arange(samples) / 16000)
    return (tone + noise(samples, 1e-5)).astype(np.float32)


@pytest.mark.parametrize(
    "waveform",
    [
        noise(4000),
        noise(4000, 1e-5),
        noise(4000, 1e-8),  # around the bend of the logarithm
        loud_tone_in_faint_noise(4000),
        np.full(1000, 0.5, np.float32),  # the lowest bin alone
        np.tile(np.float32([0.5, -0.5]), 500),  # the highest bin alone
    ],
    ids=["noise", "faint", "bend", "tone", "constant", "highest"],
)
def test_log_mel_is_that_of_the_reference(waveform):
    expected = reference_log_mel(waveform.astype(np.float64))
    for picture in (
        vmz_picture.vmz_log_mel(waveform),
        _vmz_mel.log_mel(waveform),
    ):
        assert picture.dtype == np.float32
        np.testing.assert_allclose(picture, expected, rtol=0, atol=1e-4)


def test_real_speech_is_that_of_the_reference():
    if not GRID.is_dir():
        pytest.skip("the GRID clips are not beside the project")
    av = pytest.importorskip("av")
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16000)
    with av.open(str(GRID / "bbal8p.mpg")) as container:
        parts = [
            part.to_ndarray()[0]
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    waveform = np.concatenate(parts)[8000:16000]
    assert np.abs(waveform).max() > 0.01
    np.testing.assert_allclose(
        vmz_picture.vmz_log_mel(waveform),
        reference_log_mel(waveform.astype(np.float64)),
        rtol=0,
        atol=1e-4,
    )


def test_filters_sum_to_one_but_the_last_lacks_the_highest_bin():
    filters = _vmz_mel.mel_filters()
    sums = filters[:128].sum(axis=0)
    assert filters.shape == (129, 40)
    np.testing.assert_allclose(sums[:39], 1)
    # Its slope ends at bin 129 and is 8.363 bins long: bin 128 has height
    # 1 / 8.363 = 0.1196, of heights that sum to 8.096.
    np.testing.assert_allclose(sums[39], 1 - 0.01477, atol=1e-5)
    # The highest bin counts as the lowest one does: the transform is packed.
    np.testing.assert_array_equal(filters[128], filters[0])


@pytest.mark.parametrize(
    ("samples", "rows"),
    # The window must end before the last sample: 257 gives one, 417 two.
    [(0, 0), (1, 0), (256, 0), (257, 1), (416, 1), (417, 2), (16000, 99)],
)
def test_rows_are_counted_as_vmz_does(samples, rows):
    assert vmz_picture.vmz_log_mel(noise(samples)).shape == (rows, 40)
    assert _vmz_mel.log_mel(noise(samples)).shape == (rows, 40)


def test_silence_is_zero():
    np.testing.assert_array_equal(vmz_picture.vmz_log_mel(tf.zeros(999)), 0)
    np.testing.assert_array_equal(_vmz_mel.log_mel(np.zeros(999)), 0)


def test_preparing_takes_log_mel_without_tensorflow():
    # Each worker process would spend seconds and 600 MB on loading it.
    code = (
        "import sys; from gblend_keras.data.records import _segment_encoder; "
        "from gblend_keras.data.sound import _vmz_mel as mel; "
        "mel.log_mel([0.1] * 999); assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_stereo_has_no_numpy_log_mel():
    with pytest.raises(ValueError, match=r"\(samples,\) at 16000 Hz"):
        _vmz_mel.log_mel(np.zeros((2, 999)))


@pytest.mark.parametrize(
    ("rows", "num_frames", "clip_start", "clip_frames"),
    [
        (298, 75, 0, 75),  # the whole video, shrunk: nearest
        (298, 75, 21, 32),  # shrunk: 234 rows
        (298, 75, 59, 16),  # stretched to 468; the last clip
        (298, 75, 70, 16),  # reaches past the end: zeros follow
        (298, 75, 0, 7),
        (100, 32, 0, 32),
        (1, 10, 3, 4),
    ],
)
def test_clip_spans_its_rows(rows, num_frames, clip_start, clip_frames):
    log_mel = np.random.default_rng(0).normal(size=(rows, 40)).astype("f4")
    clip = vmz_picture.stretch_rows(
        log_mel, num_frames, clip_start, clip_frames
    )
    assert clip.shape == (100, 40)
    expected = reference_stretch(log_mel, num_frames, clip_start, clip_frames)
    np.testing.assert_allclose(clip, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("total", [298, 299, 468, 1000, 2000])
def test_stretching_is_that_of_opencv(total):
    cv2 = pytest.importorskip("cv2")
    log_mel = np.random.default_rng(0).normal(size=(298, 40)).astype("f4")
    # With clips of 100 frames a row is a frame.
    ours = np.concatenate(
        [
            vmz_picture.stretch_rows(log_mel, total, start, 100)
            for start in range(0, total, 100)
        ]
    )[:total]
    theirs = cv2.resize(log_mel, (40, total))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)


def test_rows_of_a_straight_line_stay_on_it():
    # 100 rows become 200: row 50 looks at (50 + 0.5) / 2 - 0.5 = 24.75.
    line = np.arange(100.0, dtype=np.float32)[:, None]
    clip = vmz_picture.stretch_rows(line, 20, 5, 10)
    np.testing.assert_allclose(clip[0, 0], 24.75)
    np.testing.assert_allclose(np.diff(clip[:, 0]), 0.5)


def test_video_without_sound_is_silent():
    clip = vmz_picture.stretch_rows(tf.zeros((0, 40)), 75, 0, 16)
    np.testing.assert_array_equal(clip, np.zeros((100, 40)))


def test_dataset_gives_what_eager_gives():
    waveforms = [noise(size) for size in (300, 8000, 9999)]
    starts = [0, 3, 20]

    def clip(waveform, start):
        log_mel = vmz_picture.vmz_log_mel(waveform)
        return vmz_picture.stretch_rows(log_mel, start + 20, start, start + 4)

    dataset = tf.data.Dataset.from_generator(
        lambda: iter(zip(waveforms, starts, strict=True)),
        output_signature=(
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((), tf.int64),
        ),
    ).map(clip)
    assert dataset.element_spec.shape == (100, 40)
    for mapped, waveform, start in zip(
        dataset.as_numpy_iterator(), waveforms, starts, strict=True
    ):
        np.testing.assert_array_equal(mapped, clip(waveform, start))


@pytest.mark.parametrize(
    "waveform", [np.zeros((2, 99), np.float32), np.zeros(999, np.int16)]
)
def test_what_is_no_sound_is_refused(waveform):
    with pytest.raises(ValueError, match="divide 16-bit samples by 32768"):
        vmz_picture.vmz_log_mel(waveform)


@pytest.mark.parametrize(
    ("log_mel", "numbers", "advice"),
    [
        (np.zeros(40), (1, 0, 1), "Pass one video's, unbatched."),
        (np.zeros((9, 40)), (0, 0, 1), "videos have at least one."),
        (np.zeros((9, 40)), (1, -1, 1), "videos have at least one."),
        (np.zeros((9, 40)), (1, 0, 0), "videos have at least one."),
    ],
)
def test_impossible_clips_are_refused(log_mel, numbers, advice):
    with pytest.raises(ValueError, match=advice):
        vmz_picture.stretch_rows(log_mel, *numbers)
