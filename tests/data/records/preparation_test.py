"""Videos in, shards out: failures, resuming, refusals, equal bytes."""

import csv
import fcntl
import io
import os
import shutil
import signal

import cv2
import numpy as np
import pytest

from gblend_keras.benchmarks import record_workers
from gblend_keras.data.annotations import manifest as manifests
from gblend_keras.data.media import flow
from gblend_keras.data.records import _example_message
from gblend_keras.data.records import _image_encoder
from gblend_keras.data.records import _output_folder
from gblend_keras.data.records import _segment_encoder
from gblend_keras.data.records import _shard
from gblend_keras.data.records import _shard_plan
from gblend_keras.data.records import preparation
from gblend_keras.data.records import record_index
from tests.data import clip_files

SETTINGS = record_index.RecordSettings(
    short_side=32, waveform=True, num_shards=2
)
TIMES_MS = np.arange(0, 1000, 100)


def sound(**options):
    return clip_files.tone(1.0, 16000, **options), 16000, "aac", 0.0


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """A folder of good videos and of every kind of bad one."""
    folder = tmp_path_factory.mktemp("videos")
    clip_files.write_clip(folder / "good.mp4", TIMES_MS, sound=sound())
    (folder / "a folder").mkdir()
    for name in ("a folder/ä ö.mp4", "third.mp4", "fourth.mp4"):
        shutil.copy(folder / "good.mp4", folder / name)
    clip_files.write_clip(
        folder / "silent.mp4", TIMES_MS, sound=sound(loudness=0)
    )
    clip_files.write_clip(folder / "mute.mp4", TIMES_MS)
    clip_files.write_clip(folder / "sound.m4a", None, sound=sound())
    (folder / "zero.mp4").touch()
    (folder / "text.mp4").write_text("This is no video.\n" * 100)
    content = (folder / "good.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    return folder


ROWS = """file,label,split,start,end
good.mp4,a,train,,
a folder/ä ö.mp4,b,train,0.2,0.7
third.mp4,a,train,,
fourth.mp4,b,test,,
silent.mp4,a,train,,
mute.mp4,a,train,,
sound.m4a,a,train,,
zero.mp4,a,train,,
text.mp4,a,test,,
cut.mp4,a,train,,
loop.mp4,a,train,,
nowhere.mp4,a,test,,
third.mp4,a,train,0.98,1.5
fourth.mp4,a,train,5,6
"""
REASONS = {
    "silent.mp4": {"silent"},
    "mute.mp4": {"no sound"},
    "sound.m4a": {"no picture"},
    "zero.mp4": {"empty"},
    "text.mp4": {"unreadable"},
    "cut.mp4": {"broken"},
    "loop.mp4": {"missing", "unreadable"},
    "nowhere.mp4": {"missing"},
    "third.mp4": {"too short"},
    "fourth.mp4": {"too short"},
}


@pytest.fixture(scope="module")
def manifest(videos, tmp_path_factory):
    path = tmp_path_factory.mktemp("annotations") / "set.csv"
    path.write_text(ROWS, encoding="utf-8")
    return manifests.read_manifest("csv", path, videos=videos)


def prepare(manifest, videos, out, settings=SETTINGS, **options):
    return preparation.prepare(
        manifest,
        videos=videos,
        out=out,
        settings=settings,
        show=False,
        **options,
    )


@pytest.fixture(scope="module")
def prepared(manifest, videos, tmp_path_factory):
    return prepare(manifest, videos, tmp_path_factory.mktemp("out") / "new")


def contents(folder):
    """Every file that a run leaves, but for its empty lock."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.name != ".lock"
    }


def messages_of(path):
    """Reads a TFRecord file by hand: 8 + 4 bytes, the record, 4 bytes."""
    stream = io.BytesIO(path.read_bytes())
    while head := stream.read(12):
        record = stream.read(int.from_bytes(head[:8], "little"))
        stream.read(4)
        yield _example_message.message_class().FromString(record)


def messages(record_set, split):
    for path in record_set.paths(split):
        yield from messages_of(path)


def test_good_videos_are_stored_and_bad_ones_are_listed(prepared):
    kept = [each.key for each in prepared.examples("train")]
    assert len(kept) == 3 and len(prepared.examples("test")) == 1
    with (prepared.folder / "failures.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(REASONS)
    for row in rows:
        line = ROWS.splitlines()[int(row["where"].split(":")[1]) - 1]
        name = line.split(",")[0]
        assert row["reason"] in REASONS[name], row
        assert row["where"].startswith("set.csv:") and row["message"]
        assert row["split"] == line.split(",")[2]
    assert record_index.check_shards(prepared.folder) == prepared
    assert not list(prepared.folder.glob(".partial-*"))
    assert not (prepared.folder / ".preparing").exists()


def test_summary_counts_what_is_there_and_what_is_not(prepared):
    text = preparation.summary(prepared)
    assert "train: 3 examples in 2 shards" in text
    assert "test: 1 examples in 2 shards" in text
    assert "not stored: 10 (" in text and "too short 2" in text


def test_record_holds_the_frames_and_the_sound_of_its_segment(prepared):
    (message,) = (
        each
        for each in messages(prepared, "train")
        if each.context.feature["clip/label/index"].int64_list.value[0] == 1
    )
    context, steps = message.context.feature, message.feature_lists.feature_list
    assert context["clip/data_path"].bytes_list.value[0].decode() == (
        "a folder/ä ö.mp4"
    )
    assert context["clip/start/timestamp"].int64_list.value[0] == 200_000
    assert context["clip/end/timestamp"].int64_list.value[0] == 700_000
    assert list(context["clip/label/string"].bytes_list.value) == [b"b"]
    frames = [
        clip_files.number_of(
            cv2.imdecode(np.frombuffer(step.bytes_list.value[0], np.uint8), -1)
        )
        for step in steps["image/encoded"].feature
    ]
    assert frames == [2, 3, 4, 5, 6]  # ten a second, from 0.2 s to 0.7 s
    assert [
        step.int64_list.value[0] for step in steps["image/timestamp"].feature
    ] == [200_000, 300_000, 400_000, 500_000, 600_000]
    (waveform,) = steps["WAVEFORM/feature/floats"].feature
    assert len(waveform.float_list.value) == 8000  # half a second
    assert 0.3 < np.abs(waveform.float_list.value).max() < 0.7


def test_second_run_finds_all_done_and_changes_nothing(
    prepared, manifest, videos
):
    before = contents(prepared.folder)
    times = {p: p.stat().st_mtime_ns for p in prepared.folder.iterdir()}
    assert prepare(manifest, videos, prepared.folder) == prepared
    assert contents(prepared.folder) == before
    assert times == {p: p.stat().st_mtime_ns for p in prepared.folder.iterdir()}


def copied(prepared, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(prepared.folder, out)
    return out


def test_lost_or_damaged_shard_is_made_anew_with_the_same_bytes(
    prepared, manifest, videos, tmp_path
):
    out = copied(prepared, tmp_path)
    name = prepared.splits["train"][1].file
    os.truncate(out / name, 10)
    prepare(manifest, videos, out)
    assert contents(out) == contents(prepared.folder)


def test_run_that_was_stopped_goes_on_and_cleans_up(
    prepared, manifest, videos, tmp_path
):
    """As a killed process leaves it: one shard kept, one file half written."""
    out = tmp_path / "out"
    folder = _output_folder.OutputFolder(
        out, _shard_plan.identity(manifest, SETTINGS)
    )
    folder.begin()
    kept = prepared.splits["train"][0]
    shutil.copy(prepared.folder / kept.file, out)
    folder.keep(kept)
    (out / ".partial-x.tfrecord").write_bytes(b"half")
    (out / ".preparing" / "test-00000-of-00002.tfrecord.json").write_text("{")
    inode = (out / kept.file).stat().st_ino
    prepare(manifest, videos, out)
    assert contents(out) == contents(prepared.folder)
    assert (out / kept.file).stat().st_ino == inode


def test_run_that_lacked_only_its_index_gets_it(
    prepared, manifest, videos, tmp_path
):
    out = copied(prepared, tmp_path)
    folder = _output_folder.OutputFolder(
        out, _shard_plan.identity(manifest, SETTINGS)
    )
    folder.begin()
    for parts in prepared.splits.values():
        for part in parts:
            folder.keep(part)
    (out / "manifest.json").unlink()
    prepare(manifest, videos, out)
    assert contents(out) == contents(prepared.folder)


@pytest.mark.parametrize("finished", [True, False])
def test_folder_of_another_run_is_refused(
    prepared, manifest, videos, tmp_path, finished
):
    out = prepared.folder if finished else tmp_path / "out"
    if not finished:
        identity = _shard_plan.identity(manifest, SETTINGS)
        _output_folder.OutputFolder(out, identity).begin()
    other = record_index.RecordSettings(
        short_side=40, waveform=True, num_shards=2
    )
    with pytest.raises(ValueError, match="short_side: 32 there, 40 now"):
        prepare(manifest, videos, out, other)
    fewer = manifests.Manifest(
        manifest.dataset, manifest.class_names, manifest.segments[1:]
    )
    with pytest.raises(ValueError, match="Choose another folder.") as caught:
        prepare(fewer, videos, out)
    assert "the annotations, or which videos were found" in str(caught.value)


def test_other_versions_go_on_only_when_nothing_is_left(
    prepared, manifest, videos, tmp_path
):
    out = copied(prepared, tmp_path)
    index, made_by = record_index.read_index_file(out)
    record_index.write_index(index, {**made_by, "versions": {"av": "1.0"}})
    assert prepare(manifest, videos, out) == index
    (out / index.splits["test"][0].file).unlink()
    with pytest.raises(ValueError, match="av: '1.0' there"):
        prepare(manifest, videos, out)


def test_folder_of_foreign_records_is_refused(manifest, videos, tmp_path):
    (tmp_path / "other.tfrecord").touch()
    with pytest.raises(ValueError, match="records of another origin"):
        prepare(manifest, videos, tmp_path)


def test_folder_that_another_process_writes_is_refused(
    manifest, videos, tmp_path
):
    with (tmp_path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="Wait for that process"):
            prepare(manifest, videos, tmp_path)


def test_wrong_folders_are_refused(manifest, videos, tmp_path):
    with pytest.raises(ValueError, match="`videos` is no folder"):
        prepare(manifest, tmp_path / "nowhere", tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="`out` cannot be written"):
        prepare(manifest, videos, tmp_path / "file" / "out")
    with pytest.raises(ValueError, match="`num_workers` is out of range"):
        prepare(manifest, videos, tmp_path, num_workers=0)


def test_failures_are_counted_against_the_limit(prepared):
    preparation.check_failures(prepared)
    preparation.check_failures(prepared, 10)
    with pytest.raises(ValueError, match="Too many videos.*at most 9.*10 fail"):
        preparation.check_failures(prepared, 9)


def task_of(manifest, videos, path, settings=SETTINGS, **options):
    encoder = _segment_encoder.Encoder(
        "csv", videos, settings, manifest.class_names
    )
    return _shard.ShardTask(path, encoder, manifest.segments, **options)


def test_order_of_segments_does_not_follow_their_classes(manifest):
    plan = _shard_plan.planned(manifest, SETTINGS)
    assert [each.file for each in plan] == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
        "test-00000-of-00002.tfrecord",
        "test-00001-of-00002.tfrecord",
    ]
    dealt = [segment for each in plan for segment in each.segments]
    assert sorted(each.key for each in dealt) == sorted(
        each.key for each in manifest.segments
    )
    backwards = manifests.Manifest(
        manifest.dataset, manifest.class_names, manifest.segments[::-1]
    )
    assert _shard_plan.planned(backwards, SETTINGS) == plan


def test_more_shards_than_segments_leaves_none_empty(manifest):
    settings = record_index.RecordSettings(num_shards=1000)
    plan = _shard_plan.planned(manifest, settings)
    assert [len(each.segments) for each in plan] == [1] * len(manifest.segments)


def test_segment_that_ended_processes_is_a_failure(manifest, videos, tmp_path):
    key = manifest.segments[0].key
    made = _shard.make_shard(
        task_of(manifest, videos, tmp_path / "x", crashes={key: "It died."}),
        lambda step: None,
    )
    assert made.failures[0].reason == "crash"
    assert made.failures[0].message == "It died."


def listener_of(tmp_path):
    folder = _output_folder.OutputFolder(tmp_path, {"versions": {}})
    return preparation.Listener(
        folder, preparation.progress.make_bar(9, "", show=False)
    )


def test_video_that_ends_two_processes_is_left_out(manifest, videos, tmp_path):
    listener = listener_of(tmp_path)
    task = task_of(manifest, videos, tmp_path / "x")
    for _ in range(2):
        listener.on_step(task, "k")
        task = listener.on_death(task, "k", -signal.SIGSEGV)
    assert list(task.crashes) == ["k"]
    assert "(was ended by SIGSEGV)" in task.crashes["k"]


def test_worker_killed_from_outside_twice_ends_the_run(
    manifest, videos, tmp_path
):
    listener = listener_of(tmp_path)
    task = task_of(manifest, videos, tmp_path / "x")
    listener.on_step(task, "k")
    assert listener.on_death(task, "k", -signal.SIGKILL) is task
    listener.on_step(task, "k")
    with pytest.raises(RuntimeError, match="SIGKILL twice at k.*fewer workers"):
        listener.on_death(task, "k", -signal.SIGKILL)


def test_worker_that_does_not_start_ends_the_run(manifest, videos, tmp_path):
    task = task_of(manifest, videos, tmp_path / "x")
    with pytest.raises(RuntimeError, match="exit code 1 before its first"):
        listener_of(tmp_path).on_death(task, None, 1)


def test_frames_in_pieces_are_the_frames_at_once(videos, monkeypatch):
    info = _segment_encoder.reader.probe(videos / "good.mp4")
    for rate, span_end in ((0.0, None), (0.0, 0.85), (7.0, 0.9), (30.0, None)):
        settings = record_index.RecordSettings(
            short_side=32, frame_rate_hz=rate, flow="dis"
        )
        span = _image_encoder.Span(0.05, span_end, info)
        whole, whole_flow = _image_encoder.read_images(
            videos / "good.mp4", span, settings
        )
        with monkeypatch.context() as patch:
            patch.setattr(_image_encoder, "frames_a_piece", lambda *_: 3)
            pieces, pieces_flow = _image_encoder.read_images(
                videos / "good.mp4", span, settings
            )
        assert pieces.encoded == whole.encoded
        assert pieces_flow.encoded == whole_flow.encoded
        assert np.allclose(pieces.seconds, whole.seconds)
        assert len(whole_flow.encoded) == len(whole.encoded) > 4


def test_picture_or_sound_that_hardly_lasts_is_too_short(tmp_path):
    brief = clip_files.tone(0.05, 16000), 16000, "pcm_s16le", 0.0
    clip_files.write_clip(tmp_path / "sound.mkv", TIMES_MS, sound=brief)
    whole = clip_files.tone(1.0, 16000), 16000, "aac", 0.0
    clip_files.write_clip(tmp_path / "picture.mp4", [0], sound=whole)
    rows = "file,label,split\nsound.mkv,a,train\npicture.mp4,a,train\n"
    (tmp_path / "set.csv").write_text(rows)
    manifest = manifests.read_manifest(
        "csv", tmp_path / "set.csv", videos=tmp_path
    )
    made = _shard.make_shard(
        task_of(manifest, tmp_path, tmp_path / "x"), lambda step: None
    )
    assert [each.reason for each in made.failures] == ["too short"] * 2
    assert "lower min_seconds, or leave it out." in made.failures[0].message


def test_flow_survives_its_encoding():
    noise = np.random.default_rng(0).integers(0, 255, (64, 80, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 2)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    images = np.stack([np.roll(texture, 3 * n, axis=1) for n in range(4)])
    settings = record_index.RecordSettings(frames=False, flow="dis")
    decoded = np.stack(
        [
            cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR)
            for each in _image_encoder.flow_jpegs(images, settings)
        ]
    )[..., :0:-1]  # BGR -> red, green: x, y
    motion = flow.decode_flow(decoded)
    wanted = flow.optical_flow(images, method="dis")
    assert np.sqrt(((motion - wanted) ** 2).mean()) < 0.3  # pixels
    inside = np.median(motion[:, 16:-16, 16:-16], axis=(0, 1, 2))
    assert np.allclose(inside, [3, 0], atol=0.2)  # right by three pixels


def test_log_mel_is_stored_row_by_row(manifest, videos, tmp_path):
    settings = record_index.RecordSettings(frames=False, log_mel=True)
    task = task_of(manifest, videos, tmp_path / "x", settings)
    made = _shard.make_shard(task, lambda step: None)
    assert made.examples[0].has_sound and made.examples[0].num_frames == 0
    (first, *_) = messages_of(tmp_path / "x")
    rows = first.feature_lists.feature_list["AUDIO/feature/floats"].feature
    assert 95 <= len(rows) <= 105  # one second
    assert {len(row.float_list.value) for row in rows} == {40}


def test_full_disk_leaves_nothing_half_written(
    manifest, videos, tmp_path, monkeypatch
):
    def full(self, record):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_shard._tfrecord.RecordWriter, "write", full)
    with pytest.raises(OSError, match="No space left"):
        _shard.make_shard(
            task_of(manifest, videos, tmp_path / "x"), lambda step: None
        )
    assert list(tmp_path.iterdir()) == []


def test_any_error_of_one_video_is_a_row(
    manifest, videos, tmp_path, monkeypatch
):
    def fail(path):
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(_segment_encoder.reader, "probe", fail)
    made = _shard.make_shard(
        task_of(manifest, videos, tmp_path / "x"), lambda step: None
    )
    assert made.examples == ()
    assert "ZeroDivisionError: odd" in {each.message for each in made.failures}


def test_comparison_of_workers_gives_times_and_their_ratio(manifest, videos):
    figures = record_workers.compare_workers(
        manifest, videos, settings=SETTINGS, rounds=1
    )
    assert figures["speedup"] == pytest.approx(
        figures["seconds_1"] / figures["seconds_2"]
    )
    assert min(figures.values()) > 0
    with pytest.raises(ValueError, match="`rounds` is out of range"):
        record_workers.compare_workers(manifest, videos, rounds=0)
