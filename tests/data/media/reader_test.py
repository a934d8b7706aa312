"""Frames and sound of real and self-made files, against decoding it all."""

import os
import pickle
import shutil
import sys

import av
import numpy as np
import pytest

from gblend_keras.data.media import reader
from tests.data import clip_files
from tests.places import SHARED

REAL = SHARED / "media"
with_real_media = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"{REAL} is not there"
)
TENTHS = np.arange(100) * 100  # 10 s at 10 frames a second


def reason_of(function, path, **arguments):
    with pytest.raises(reader.MediaError) as caught:
        function(path, **arguments)
    assert repr(str(path)) in str(caught.value)
    return caught.value.reason


def decoded(path):
    """Everything, by a bare PyAV loop."""
    with av.open(str(path)) as container:
        return np.stack(
            [
                frame.to_ndarray(format="rgb24")
                for frame in container.decode(video=0)
            ]
        )


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", "mpeg4"),
        ("clip.mkv", "mpeg4"),
        ("clip.mpg", "mpeg1video"),
        ("clip.avi", "mpeg4"),
    ],
)
def test_every_frame_is_found_by_its_time(tmp_path, name, codec):
    times = np.arange(100) * (40 if codec == "mpeg1video" else 100)
    path = clip_files.write_clip(tmp_path / name, times, codec=codec)
    every = reader.read_frames(path)
    assert clip_files.numbers_of(every) == list(range(100))
    np.testing.assert_allclose(
        np.diff(every.timestamps_seconds), np.diff(times) / 1000, atol=0.0011
    )
    for index in range(0, 100, 7):
        middle = every.timestamps_seconds[index : index + 2].mean()
        clip = reader.read_clip(path, start_seconds=middle, num_frames=1)
        np.testing.assert_array_equal(clip.images[0], every.images[index])
        assert clip.timestamps_seconds == every.timestamps_seconds[index]


@pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv"])
def test_variable_rate_shows_the_frame_on_the_screen(tmp_path, name):
    # On screen from: 0 .. 100 .. 900 .. 1000 .. 2500 .. 2600 ms.
    path = clip_files.write_clip(
        tmp_path / name, [0, 100, 900, 1000, 2500, 2600]
    )
    sampled = reader.read_frames(path, end_seconds=2.7, frame_rate_hz=4)
    # At 0, .25, .5, .75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5 s.
    assert clip_files.numbers_of(sampled) == [0, 1, 1, 1, 3, 3, 3, 3, 3, 3, 4]
    np.testing.assert_allclose(
        sampled.timestamps_seconds, np.arange(11) / 4, atol=1e-9
    )
    as_is = reader.read_frames(path, start_seconds=0.95, end_seconds=2.5)
    assert clip_files.numbers_of(as_is) == [2, 3]
    np.testing.assert_allclose(as_is.timestamps_seconds, [0.9, 1.0])
    clip = reader.read_clip(
        path, start_seconds=0.5, num_frames=3, frame_rate_hz=2, stride=2
    )
    assert clip_files.numbers_of(clip) == [1, 3, 4]  # at 0.5, 1.5, 2.5 s


def test_clip_takes_every_stride_th_frame(tmp_path):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS)
    clip = reader.read_clip(path, start_seconds=5.25, num_frames=4, stride=3)
    assert clip_files.numbers_of(clip) == [52, 55, 58, 61]
    np.testing.assert_allclose(clip.timestamps_seconds, [5.2, 5.5, 5.8, 6.1])


@pytest.mark.parametrize("rate", [None, 10])
@pytest.mark.parametrize("start", [8.5, 9.95])
def test_clip_that_reaches_past_the_end_starts_earlier(tmp_path, rate, start):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS)
    clip = reader.read_clip(
        path, start_seconds=start, num_frames=5, stride=4, frame_rate_hz=rate
    )
    assert clip_files.numbers_of(clip) == [83, 87, 91, 95, 99]


@pytest.mark.parametrize("rate", [None, 10])
def test_file_shorter_than_the_clip_repeats_its_last_frame(tmp_path, rate):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS[:6])
    clip = reader.read_clip(
        path, start_seconds=0.2, num_frames=5, stride=2, frame_rate_hz=rate
    )
    assert clip_files.numbers_of(clip) == [0, 2, 4, 4, 4]


def test_span_past_the_end_gives_what_there_is(tmp_path):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS[:6])
    late = reader.read_frames(path, start_seconds=0.45, end_seconds=5)
    assert clip_files.numbers_of(late) == [4, 5]
    late = reader.read_frames(path, start_seconds=0.45, frame_rate_hz=20)
    assert clip_files.numbers_of(late) == [4, 5, 5]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_rotated_picture_is_turned_upright(tmp_path, turns):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS[:3])
    lying = reader.read_frames(path)
    clip_files.turn(path, turns)
    upright = reader.read_frames(path)
    expected = np.rot90(lying.images, turns, axes=(1, 2))
    np.testing.assert_array_equal(upright.images, expected)
    info = reader.probe(path)
    assert info.rotation_degrees == 90 * turns
    assert (info.height, info.width) == expected.shape[1:3]
    small = reader.read_frames(path, short_side=24).images
    assert small.shape[1:3] == ((24, 32) if turns % 2 == 0 else (32, 24))


def test_short_side_keeps_the_aspect_of_odd_sizes(tmp_path):
    path = clip_files.write_clip(tmp_path / "c.mkv", TENTHS[:3], size=(51, 77))
    assert reader.read_frames(path).images.shape == (3, 51, 77, 3)
    small = reader.read_frames(path, short_side=33)
    assert small.images.shape == (3, 33, 50, 3)  # 77 * 33 / 51 = 49.8
    assert clip_files.numbers_of(small) == [0, 1, 2]


def test_probe_tells_what_a_file_holds(tmp_path):
    sound = (clip_files.tone(1, 22050, channels=2), 22050, "aac", 0)
    path = clip_files.write_clip(tmp_path / "c.mp4", TENTHS[:10], sound=sound)
    info = reader.probe(path)
    assert (info.width, info.height, info.num_frames) == (64, 48, 10)
    assert (info.sample_rate_hz, info.num_channels) == (22050, 2)
    assert info.has_video and info.has_audio
    assert info.frame_rate_hz == pytest.approx(10, rel=0.01)
    assert info.duration_seconds == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("rate", [8000, 22050, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_becomes_one_channel_at_one_rate(tmp_path, rate, channels):
    wave = clip_files.tone(1, rate, channels=channels)
    path = tmp_path / "clip.mkv"
    clip_files.write_clip(path, TENTHS[:10], sound=(wave, rate, "pcm_s16le", 0))
    heard = reader.read_audio(path)
    assert heard.dtype == np.float32
    assert heard.shape == (16000,)
    expected = clip_files.tone(1, 16000)[0]
    np.testing.assert_allclose(heard[80:-80], expected[80:-80], atol=2e-4)
    # A part is the same part of the whole.
    part = reader.read_audio(path, start_seconds=0.25, end_seconds=0.75)
    np.testing.assert_allclose(part, heard[4000:12000], atol=1e-6)


def test_channels_are_averaged(tmp_path):
    wave = clip_files.tone(0.5, 16000, channels=2)
    wave[1] = 0
    path = tmp_path / "clip.mkv"
    clip_files.write_clip(path, None, sound=(wave, 16000, "pcm_s16le", 0))
    np.testing.assert_allclose(reader.read_audio(path), wave[0] / 2, atol=1e-4)


def test_sound_lies_where_the_file_says(tmp_path):
    # The click is the sound's sample 0, and the sound begins at 0.5 s.
    wave = np.zeros((1, 4000), np.float32)
    wave[0, 0] = 0.9
    path = tmp_path / "clip.mkv"
    sound = (wave, 8000, "pcm_s16le", 0.5)
    clip_files.write_clip(path, TENTHS[:20], sound=sound)
    heard = reader.read_audio(path, end_seconds=2.0, sample_rate_hz=8000)
    assert heard.shape == (16000,)
    assert np.flatnonzero(heard).tolist() == [4000]
    late = reader.read_audio(
        path, start_seconds=1.5, end_seconds=1.6001, sample_rate_hz=8000
    )
    np.testing.assert_array_equal(late, np.zeros(801, np.float32))


def test_sound_after_a_seek_is_that_of_the_whole_file(tmp_path):
    rate = 8000
    wave = np.sin(np.arange(40 * rate) ** 1.3 / 500)[None].astype(np.float32)
    path = tmp_path / "long.mp4"
    clip_files.write_clip(path, None, sound=(wave / 2, rate, "aac", 0))
    whole = reader.read_audio(path)
    part = reader.read_audio(path, start_seconds=33.3, end_seconds=35.0)
    start = round(33.3 * 16000)
    np.testing.assert_allclose(
        part, whole[start : start + len(part)], atol=1e-4
    )


def test_file_without_sound_or_picture_says_so(tmp_path):
    sound = (clip_files.tone(0.2, 8000), 8000, "pcm_s16le", 0)
    heard = clip_files.write_clip(tmp_path / "heard.wav", None, sound=sound)
    seen = clip_files.write_clip(tmp_path / "seen.mp4", TENTHS[:2])
    assert reason_of(reader.read_frames, heard) == "no picture"
    assert reason_of(reader.read_audio, seen) == "no sound"
    assert not reader.probe(heard).has_video
    assert not reader.probe(seen).has_audio


def test_video_stream_without_frames_has_no_picture(tmp_path):
    path = tmp_path / "none.mkv"
    sound = (clip_files.tone(0.2, 8000), 8000, "pcm_s16le", 0)
    clip_files.write_clip(path, [], sound=sound)
    assert reason_of(reader.read_frames, path) == "no picture"
    assert not reader.probe(path).has_video
    assert reader.read_audio(path).shape == (3200,)


def test_start_behind_the_end_is_too_short(tmp_path):
    sound = (clip_files.tone(0.5, 8000), 8000, "pcm_s16le", 0)
    path = clip_files.write_clip(tmp_path / "c.mkv", TENTHS[:5], sound=sound)
    late = {"start_seconds": 3.0}
    assert reason_of(reader.read_frames, path, **late) == "too short"
    assert (
        reason_of(reader.read_clip, path, num_frames=2, **late) == "too short"
    )
    assert reason_of(reader.read_audio, path, **late) == "too short"
    late["end_seconds"] = 4.0
    assert reason_of(reader.read_audio, path, **late) == "too short"


READERS = (reader.probe, reader.read_frames, reader.read_audio)


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_file_says_why(tmp_path, read):
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is no video.\n" * 200)
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for ever
    reasons = {
        name: reason_of(read, tmp_path / name)
        for name in (
            "gone.mp4",
            "loop.mp4",
            "empty.mp4",
            "text.mp4",
            "pipe.mp4",
        )
    }
    assert reasons == {
        "gone.mp4": "missing",
        "loop.mp4": "unreadable",
        "empty.mp4": "empty",
        "text.mp4": "unreadable",
        "pipe.mp4": "unreadable",
    }
    assert reason_of(read, tmp_path) == "unreadable"
    assert reason_of(read, tmp_path / "empty.mp4" / "x.mp4") == "missing"


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_cut_mp4_is_broken(tmp_path, kept):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])  # the index is last
    assert reason_of(reader.read_frames, path) == "broken"


def test_span_before_the_damage_is_read(tmp_path):
    path = tmp_path / "clip.mp4"
    clip_files.write_clip(path, TENTHS)
    begin_with_index(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    good = reader.read_frames(path, end_seconds=4.0)
    assert clip_files.numbers_of(good) == list(range(40))
    assert reason_of(reader.read_frames, path) == "broken"
    with pytest.raises(reader.MediaError, match="ask for a span before"):
        reader.read_clip(path, start_seconds=0.0, num_frames=100)


def begin_with_index(path):
    """Copies the streams into an MP4 file whose index comes first."""
    beside = path.with_name("beside.mp4")
    options = {"movflags": "faststart"}
    with av.open(str(path)) as old:
        with av.open(str(beside), "w", options=options) as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = stream
                    new.mux(packet)
    beside.replace(path)


@pytest.mark.parametrize(
    "name", ["film.txt", "film", "film.avi", "film.mp3", "film.jpg", "a:b.mp4"]
)
def test_content_decides_not_the_name(tmp_path, name):
    right = clip_files.write_clip(tmp_path / "film.mp4", TENTHS[:3])
    wrong = right.rename(tmp_path / name)
    assert clip_files.numbers_of(reader.read_frames(wrong)) == [0, 1, 2]


def test_spaces_and_foreign_letters_are_fine(tmp_path):
    folder = tmp_path / "Größe 北京 %03d"
    folder.mkdir()
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS[:3])
    odd = path.rename(folder / "ein #1 Фильм?.mp4")
    for each in (odd, str(odd)):
        assert clip_files.numbers_of(reader.read_frames(each)) == [0, 1, 2]
    link = tmp_path / "link.mp4"
    link.symlink_to(odd)
    assert reader.probe(link).num_frames == 3


def test_playlist_leads_nowhere(tmp_path):
    path = tmp_path / "list.mp4"
    path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n")
    assert reason_of(reader.read_frames, path) == "unreadable"


def test_no_file_stays_open(tmp_path):
    path = clip_files.write_clip(tmp_path / "clip.mp4", TENTHS)
    begin_with_index(path)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(path.read_bytes()[:-2000])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        reader.read_frames(path, start_seconds=3, end_seconds=4)
        reader.read_clip(path, start_seconds=9, num_frames=20)
        for each, function in (
            (cut, reader.read_frames),
            (path, reader.read_audio),
        ):
            with pytest.raises(reader.MediaError):
                function(each)
    assert len(os.listdir("/proc/self/fd")) == before


def test_error_crosses_a_process_boundary():
    for reason in reader.REASONS:
        error = reader.MediaError(reason, "a b.mp4", "at 3 s")
        copy = pickle.loads(pickle.dumps(error))
        assert (copy.reason, copy.path) == (reason, "a b.mp4")
        assert str(copy) == str(error)
        assert "(at 3 s). Expected" in str(error)
        assert "Received: path='a b.mp4'." in str(error)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"start_seconds": -1}, "Choose a value inside."),
        ({"start_seconds": float("nan")}, "Choose a value inside."),
        ({"start_seconds": 2, "end_seconds": 2}, "Give the times in seconds"),
        ({"frame_rate_hz": 0}, "Choose a value inside."),
        ({"short_side": 0}, "Choose a value inside."),
    ],
)
def test_impossible_arguments_say_what_to_do(arguments, advice):
    with pytest.raises(ValueError, match=advice):
        reader.read_frames("never_opened.mp4", **arguments)


@pytest.mark.parametrize("wrong", [{"num_frames": 0}, {"stride": 0}])
def test_impossible_clips_say_what_to_do(wrong):
    arguments = {"start_seconds": 0.0, "num_frames": 4, **wrong}
    with pytest.raises(ValueError, match="Choose a value inside."):
        reader.read_clip("never_opened.mp4", **arguments)


def test_impossible_sample_rate_says_what_to_do():
    with pytest.raises(ValueError, match="Choose a value inside."):
        reader.read_audio("never_opened.mp4", sample_rate_hz=0)


@with_real_media
@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("grid/bbal8p.mpg", (0.0, 0.05, 1.44, 2.03, 2.5, 2.9)),
        ("grid/pgid4n.mpg", (0.0, 2.03, 2.5)),
        ("armwrestling.mp4", (0.0, 1.0, 2.02, 5.0, 9.0, 9.9)),
    ],
)
def test_real_clips_are_exact_to_the_frame(name, starts):
    every = decoded(REAL / name)
    rate = reader.probe(REAL / name).frame_rate_hz
    for start in starts:
        clip = reader.read_clip(
            REAL / name, start_seconds=start, num_frames=4, stride=3
        )
        first = min(int(start * rate + 0.01), len(every) - 10)
        np.testing.assert_array_equal(
            clip.images, every[first : first + 10 : 3], strict=True
        )
        span = reader.read_frames(
            REAL / name, start_seconds=start, end_seconds=start + 0.2
        )
        first = int(start * rate + 0.01)
        last = int(np.ceil((start + 0.2) * rate - 0.02))
        np.testing.assert_array_equal(span.images, every[first:last])


@with_real_media
def test_real_damage_is_found_behind_28_frames():
    path = REAL / "corrupted.mp4"
    assert len(reader.read_frames(path, end_seconds=2.8).images) == 28
    arguments = {"end_seconds": 2.9, "short_side": 32}
    assert reason_of(reader.read_frames, path, **arguments) == "broken"
    assert reason_of(reader.read_frames, path) == "broken"


@with_real_media
def test_real_sound_and_its_absence(tmp_path):
    path = shutil.copy(REAL / "grid" / "bbal8p.mpg", tmp_path / "a.mp4")
    heard = reader.read_audio(path, start_seconds=1, end_seconds=2.5)
    assert heard.shape == (24000,)
    assert 0.01 < heard.std() < 1
    assert reason_of(reader.read_audio, REAL / "armwrestling.mp4") == "no sound"


def test_missing_pyav_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(
        ImportError, match=r'pip install "gblend_keras\[video\]"'
    ):
        reader.probe(__file__)
