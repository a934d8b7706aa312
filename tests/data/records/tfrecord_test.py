"""TFRecord files: framing and checksums, as TensorFlow knows them."""

import os

import pytest
import tensorflow as tf

from gblend_keras.data.records import _tfrecord
from gblend_keras.utils import files


@pytest.mark.parametrize(
    ("data", "crc"),
    [  # RFC 3720, appendix B.4
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (b"123456789", 0xE3069283),  # the usual check value
        (b"", 0),
    ],
)
def test_checksum_has_the_published_values(data, crc):
    # As the TFRecord format stores it: turned by 15 bits, and shifted.
    turned = (crc >> 15) | (crc & 0x7FFF) << 17
    expected = (turned + 0xA282EAD8) % 2**32
    assert _tfrecord.masked_checksum(data) == expected


@pytest.mark.parametrize("size", [1, 3, 4, 5, 63, 64, 65, 4097, 300_001])
def test_tensorflow_reads_records_of_any_size(size, tmp_path):
    written = [os.urandom(size), b"", os.urandom(size // 2)]
    path = tmp_path / "records"
    with _tfrecord.RecordWriter(path) as writer:
        for record in written:
            writer.write(record)
    # The reader compares the checksums of each record.
    assert list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator()) == (
        written
    )
    assert writer.num_bytes == path.stat().st_size
    assert writer.sha256 == files.sha256(path)


def test_same_bytes_as_tensorflow_writes(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with _tfrecord.RecordWriter(ours) as writer:
        writer.write(b"some bytes")
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        writer.write(b"some bytes")
    assert ours.read_bytes() == theirs.read_bytes()
