"""Footage out of record shards.

A library gives videos by row number, in ascending order or in an order that
is a function of a seed, and `clips.Footage` of each of them.
"""

from typing import Any
from typing import Protocol

import numpy as np
import tensorflow as tf

from gblend_keras.data import sources
from gblend_keras.data.clips import footage as clips
from gblend_keras.data.clips import transforms
from gblend_keras.data.records import parser
from gblend_keras.data.records import record_format
from gblend_keras.data.sound import vmz_picture

READERS = 4  # shards that are read at a time


class Library(Protocol):
    """Videos that can be read by row number."""

    def read(self, rows: tf.Tensor, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Gives `(row, item)` of each of these rows, once.

        In ascending order of the rows; with a seed `(2,)`, in an order that
        it gives.
        """

    def footage(self, item: Any) -> clips.Footage:
        """Returns the footage of an item of `read`."""


class ShardLibrary:
    """Videos in the shards of one split of a record folder.

    Shards in which no row is wanted are not opened; of the others, all bytes
    are read, but only wanted records are parsed.

    Args:
        records: The folder.
        split: Which split.
        in_memory: Read all records once and keep them, as bytes.
        shuffle_buffer: Records that are shuffled at a time, beside the order
            of the shards. Memory: so many records, still encoded.

    Example:
        >>> import tensorflow as tf
        >>> from gblend_keras.data import clips
        >>> from gblend_keras.data import records
        >>> folder = records.read_index("records")
        >>> library = clips.ShardLibrary(folder, "train")
        >>> rows = library.read(tf.constant([0, 3], tf.int64), seed=None)
        >>> [int(library.footage(item).num_frames) for _, item in rows]
        [30, 30]
    """

    def __init__(
        self,
        records: record_format.RecordSet,
        split: str,
        *,
        in_memory: bool = False,
        shuffle_buffer: int = 512,
    ) -> None:
        self._settings = records.settings
        self._shuffle_buffer = shuffle_buffer
        self._paths = [str(path) for path in records.paths(split)]
        sizes = [len(shard.examples) for shard in records.splits[split]]
        self._starts = np.cumsum([0, *sizes]).astype(np.int64)
        self._kept: tf.Tensor | None = None
        if in_memory:
            every = list(tf.data.TFRecordDataset(self._paths))
            with tf.device("CPU:0"):
                self._kept = tf.stack(every)

    def read(self, rows: tf.Tensor, seed: tf.Tensor | None) -> tf.data.Dataset:
        """Gives `(row, parsed record)`, as `Library.read`."""
        if self._kept is not None:
            kept = self._kept
            if seed is not None:
                rows = tf.random.experimental.stateless_shuffle(rows, seed)
            return tf.data.Dataset.from_tensor_slices(rows).map(
                lambda row: (row, tf.gather(kept, row))
            )
        size = int(self._starts[-1])
        wanted = tf.scatter_nd(
            rows[:, None], tf.ones_like(rows), tf.constant([size], tf.int64)
        )
        starts = tf.constant(self._starts)
        shards = tf.range(len(self._paths), dtype=tf.int64)
        if seed is not None:
            shards = tf.random.experimental.stateless_shuffle(shards, seed)
        opened = tf.data.Dataset.from_tensor_slices(shards).filter(
            lambda shard: tf.reduce_any(
                wanted[starts[shard] : starts[shard + 1]] > 0
            )
        )
        paths = tf.constant(self._paths)

        def records_of(shard: tf.Tensor) -> tf.data.Dataset:
            dataset = tf.data.TFRecordDataset(paths[shard])
            numbered = dataset.enumerate(starts[shard])
            return numbered.filter(lambda row, _: wanted[row] > 0)

        found = opened.interleave(
            records_of,
            cycle_length=1 if seed is None else READERS,
            num_parallel_calls=1 if seed is None else READERS,
            deterministic=True,
        )
        if seed is not None:
            found = sources.shuffled(found, self._shuffle_buffer, seed)
        return found

    def footage(self, item: tf.Tensor) -> clips.Footage:
        """Parses a record; its frames stay encoded until they are wanted."""
        return RecordFootage(parser.parse_example(item, self._settings))


class RecordFootage:
    """The footage of one parsed record."""

    def __init__(self, parsed: dict[str, tf.Tensor]) -> None:
        self._parsed = parsed

    @property
    def num_frames(self) -> tf.Tensor:
        """How many frames the record has."""
        for name in ("frames", "flow"):
            if name in self._parsed:
                return tf.shape(self._parsed[name])[0]
        # Sound alone: a frame is a row of the log-mel, 10 ms.
        return tf.shape(self._parsed["log_mel"])[0]

    def frames(self, indices: tf.Tensor) -> tf.Tensor:
        """Decodes these frames, `(T, H, W, 3)` uint8."""
        return _decoded(tf.gather(self._parsed["frames"], indices))

    def flow(self, indices: tf.Tensor) -> tf.Tensor:
        """Decodes the flow at these frames, `(T, H, W, 2)` float32."""
        codes = _decoded(tf.gather(self._parsed["flow"], indices))[..., :2]
        return transforms.decode_flow(codes, self._parsed["flow_bound"])

    def log_mel(self) -> tf.Tensor:
        """Returns the stored rows, or those of the stored waveform."""
        if "log_mel" in self._parsed:
            return self._parsed["log_mel"]
        return vmz_picture.vmz_log_mel(self._parsed["waveform"])

    def waveform(self) -> tf.Tensor:
        """Returns the stored waveform."""
        return self._parsed["waveform"]

    def seconds(self, index: tf.Tensor) -> tf.Tensor:
        """Returns when a frame is shown, from the record's start."""
        shown = self._parsed["frame_seconds"]
        return shown[index] - self._parsed["start_seconds"]


def _decoded(encoded: tf.Tensor) -> tf.Tensor:
    return tf.map_fn(
        lambda each: tf.io.decode_jpeg(each, channels=3),
        encoded,
        fn_output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
    )
