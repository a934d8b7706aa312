"""Records: messages, index, checksums, and other readers."""

import json
import os

import cv2
import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.data.records import _example_message
from gblend_keras.data.records import _tfrecord
from gblend_keras.data.records import media_sequence
from gblend_keras.data.records import parser
from gblend_keras.data.records import record_index


def jpeg(height=8, width=10):
    _, data = cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))
    return bytes(data)


def built():
    builder = media_sequence.SequenceExampleBuilder()
    for key, value in (
        ("example/id", "a"),
        ("gblend/group", "P01"),
        ("clip/start/timestamp", 1_500_000),
        ("clip/end/timestamp", 2_000_000),
    ):
        builder.set_context(key, [value])
    builder.set_labels("verb", [3, 1], ["cut", "pour"])
    builder.set_labels("action", [], [])
    images = media_sequence.Images([jpeg()] * 2, [1.5, 1.75], 8, 10, 4.0)
    builder.set_images(images)
    flow = media_sequence.Images([jpeg()], [1.5], 8, 10, 4.0, 20.0)
    builder.set_images(flow, media_sequence.FLOW)
    builder.set_waveform(
        np.arange(5, dtype=np.float32), sample_rate_hz=10, start_seconds=1.5
    )
    builder.set_log_mel(
        np.arange(80, dtype=np.float32).reshape(2, 40),
        rate_hz=100.0,
        audio_sample_rate_hz=16000,
        start_seconds=1.5,
    )
    return builder.serialized()


def test_message_is_the_one_that_tensorflow_knows():
    data = built()
    theirs = tf.train.SequenceExample.FromString(data)
    assert theirs.SerializeToString(deterministic=True) == data
    ours = _example_message.message_class().FromString(data)
    assert ours.SerializeToString(deterministic=True) == data
    context = theirs.context.feature
    assert list(context["VERB/clip/label/index"].int64_list.value) == [3, 1]
    assert list(context["VERB/clip/label/string"].bytes_list.value) == [
        b"cut",
        b"pour",
    ]
    assert context["ACTION/clip/label/index"].HasField("int64_list")
    assert context["FORWARD_FLOW/image/saturation"].float_list.value == [20.0]


def test_reader_that_knows_only_mediasequence_reads_ours():
    context, steps = tf.io.parse_single_sequence_example(
        built(),
        context_features={
            "example/id": tf.io.FixedLenFeature([], tf.string),
            "clip/start/timestamp": tf.io.FixedLenFeature([], tf.int64),
            "clip/end/timestamp": tf.io.FixedLenFeature([], tf.int64),
            "image/format": tf.io.FixedLenFeature([], tf.string),
            "image/height": tf.io.FixedLenFeature([], tf.int64),
            "image/width": tf.io.FixedLenFeature([], tf.int64),
            "image/frame_rate": tf.io.FixedLenFeature([], tf.float32),
            "WAVEFORM/feature/sample_rate": tf.io.FixedLenFeature(
                [], tf.float32
            ),
            "AUDIO/feature/dimensions": tf.io.FixedLenFeature([], tf.int64),
        },
        sequence_features={
            "image/encoded": tf.io.FixedLenSequenceFeature([], tf.string),
            "image/timestamp": tf.io.FixedLenSequenceFeature([], tf.int64),
            "FORWARD_FLOW/image/encoded": tf.io.FixedLenSequenceFeature(
                [], tf.string
            ),
            "WAVEFORM/feature/floats": tf.io.VarLenFeature(tf.float32),
            "AUDIO/feature/floats": tf.io.FixedLenSequenceFeature(
                [40], tf.float32
            ),
            "AUDIO/feature/timestamp": tf.io.FixedLenSequenceFeature(
                [], tf.int64
            ),
        },
    )
    assert context["example/id"] == b"a"
    assert context["image/format"] == b"JPEG"
    assert (context["image/height"], context["image/width"]) == (8, 10)
    assert context["WAVEFORM/feature/sample_rate"] == 10
    assert tf.io.decode_jpeg(steps["image/encoded"][0]).shape == (8, 10, 3)
    assert steps["image/timestamp"].numpy().tolist() == [1_500_000, 1_750_000]
    assert steps["AUDIO/feature/floats"].shape == (2, 40)
    # Row 1 is 10 ms after row 0.
    assert steps["AUDIO/feature/timestamp"].numpy().tolist() == [
        1_500_000,
        1_510_000,
    ]
    waveform = tf.sparse.to_dense(steps["WAVEFORM/feature/floats"])
    assert waveform.numpy().tolist() == [[0, 1, 2, 3, 4]]


EVERYTHING = record_index.RecordSettings(
    waveform=True, log_mel=True, flow="dis"
)


@pytest.mark.parametrize("inside", [False, True])
def test_parsing_gives_back_what_was_built(inside):
    def parse(data):
        return parser.parse_example(data, EVERYTHING, tasks=("verb", "action"))

    if inside:
        dataset = tf.data.Dataset.from_tensors(built()).map(parse)
        (parsed,) = dataset.as_numpy_iterator()
    else:
        parsed = {key: value.numpy() for key, value in parse(built()).items()}
    assert parsed["key"] == b"a" and parsed["group"] == b"P01"
    assert parsed["start_seconds"] == 1.5 and parsed["end_seconds"] == 2.0
    assert parsed["labels/verb"].tolist() == [3, 1]
    assert parsed["labels/action"].tolist() == []
    assert parsed["frames"].tolist() == [jpeg()] * 2
    assert parsed["frame_seconds"].tolist() == [1.5, 1.75]
    assert parsed["flow"].tolist() == [jpeg()]
    assert parsed["flow_bound"] == 20.0
    assert parsed["waveform"].tolist() == [0, 1, 2, 3, 4]
    assert parsed["sample_rate_hz"] == 10
    assert parsed["log_mel"].shape == (2, 40)
    assert parsed["log_mel"][1, 0] == 40


def test_only_what_the_settings_store_is_parsed():
    parsed = parser.parse_example(
        built(), record_index.RecordSettings(), tasks=("verb",)
    )
    assert set(parsed) == {
        "key",
        "group",
        "start_seconds",
        "end_seconds",
        "labels/verb",
        "frames",
        "frame_seconds",
    }


def test_one_task_as_a_string_is_refused():
    with pytest.raises(ValueError, match=r"Write \('verb',\)\."):
        parser.parse_example(built(), EVERYTHING, tasks="verb")


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"frames": False}, "Set frames=True, say."),
        ({"short_side": -1}, "Choose a value inside."),
        ({"jpeg_quality": 101}, "Choose a value inside."),
        ({"frame_rate_hz": -1.0}, "Choose a value inside."),
        ({"flow": "tvl1"}, "Choose one of them."),
    ],
)
def test_wrong_settings_are_refused(settings, advice):
    with pytest.raises(ValueError, match=advice):
        record_index.RecordSettings(**settings)


@pytest.fixture
def folder(tmp_path):
    """A finished folder of two shards of two records each."""
    splits = {}
    for split in ("train", "test"):
        path = tmp_path / f"{split}-00000-of-00001.tfrecord"
        with _tfrecord.RecordWriter(path) as writer:
            writer.write(built())
            writer.write(built())
        examples = tuple(
            record_index.Example(f"{split}-{n}", {"label": (n,)}, "", 2, True)
            for n in range(2)
        )
        failure = record_index.Failure(
            f"{split}-2", "ä.mp4", "broken", 'It "is".', "a.csv:3", split
        )
        splits[split] = (
            record_index.Shard(
                path.name, writer.num_bytes, writer.sha256, examples, (failure,)
            ),
        )
    record_set = record_index.RecordSet(
        tmp_path, "csv", EVERYTHING, {"label": ("a", "b")}, False, splits
    )
    record_index.write_index(record_set, {"versions": {}})
    return record_set


def test_index_comes_back_as_it_was_written(folder):
    assert record_index.read_index(folder.folder) == folder
    assert record_index.check_shards(folder.folder) == folder
    assert [each.key for each in folder.examples("test")] == [
        "test-0",
        "test-1",
    ]
    assert [path.exists() for path in folder.paths("train")] == [True]
    assert [each.split for each in folder.failures()] == ["train", "test"]


def test_index_says_how_much_there_is(folder):
    value = json.loads((folder.folder / "manifest.json").read_text("utf-8"))
    size = folder.splits["train"][0].num_bytes
    assert value["counts"]["train"] == {
        "examples": 2,
        "failures": 1,
        "bytes": size,
    }


def test_unknown_split_is_refused(folder):
    with pytest.raises(ValueError, match="Choose one of them."):
        folder.examples("val")


def test_shard_cut_short_is_named(folder):
    path = folder.paths("train")[0]
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(ValueError, match=rf"{path.name}: has \d+ bytes"):
        record_index.read_index(folder.folder)


def test_missing_shard_is_named(folder):
    path = folder.paths("test")[0]
    path.unlink()
    with pytest.raises(ValueError, match=f"{path.name}: is missing"):
        record_index.check_shards(folder.folder, verify=False)


def test_flipped_byte_is_found_by_its_checksum(folder):
    path = folder.paths("test")[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert record_index.read_index(folder.folder) == folder  # sizes alone
    with pytest.raises(ValueError) as caught:
        record_index.check_shards(folder.folder)
    assert f"{path.name}: has another SHA-256" in str(caught.value)
    assert folder.paths("train")[0].name not in str(caught.value)
    assert "it makes them anew, and only them." in str(caught.value)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(path)))


def test_folder_without_index_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Run the command that makes it"):
        record_index.read_index(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"format": 1', '"format": '),
        ('"short_side"', '"short_sid"'),
        ('"splits"', '"split"'),
        ('"num_frames"', '"frames"'),
        ('"settings": {', '"settings": [], "x": {'),
    ],
)
def test_damaged_index_is_refused(folder, old, new):
    path = folder.folder / "manifest.json"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ValueError, match="has a damaged index") as caught:
        record_index.read_index(folder.folder)
    assert str(path) in str(caught.value)


def test_index_of_another_format_is_refused(folder):
    path = folder.folder / "manifest.json"
    text = path.read_text("utf-8").replace('"format": 1', '"format": 2')
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match="Make the records again."):
        record_index.read_index(folder.folder)
