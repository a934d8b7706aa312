"""TFRecord files, written without TensorFlow.

A worker that decodes videos starts in a fraction of a second and holds some
60 MB; with TensorFlow it takes seconds and ten times that.
"""

import functools
import hashlib
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

UintArray = npt.NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed
_MASK_DELTA = 0xA282EAD8  # of the TFRecord format


class RecordWriter:
    """Writes records to one TFRecord file, counts and checksums them.

    Each record is framed as TensorFlow reads it: its length, a checksum of the
    length, the record, a checksum of the record.

    Args:
        path: File to write, from its beginning.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._stream = Path(path).open("wb")
        self._digest = hashlib.sha256()
        self.num_bytes = 0

    @property
    def sha256(self) -> str:
        """The checksum of what was written so far."""
        return self._digest.hexdigest()

    def write(self, record: bytes) -> None:
        """Appends a record."""
        length = struct.pack("<Q", len(record))
        for part in (
            length,
            struct.pack("<I", masked_checksum(length)),
            record,
            struct.pack("<I", masked_checksum(record)),
        ):
            self._stream.write(part)
            self._digest.update(part)
            self.num_bytes += len(part)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()


def masked_checksum(data: bytes) -> int:
    """Returns the checksum that a TFRecord stores beside `data`.

    The CRC-32C, turned by 15 bits and shifted by a constant, so that the
    checksum of data that holds checksums stays a good one.
    """
    crc = crc32c(data)
    turned = ((crc >> 15) | (crc << 17)) & 0xFFFFFFFF
    return (turned + _MASK_DELTA) & 0xFFFFFFFF


def crc32c(data: bytes) -> int:
    """Returns the CRC-32C (Castagnoli) of `data`.

    The remainder is linear over bits, so many stretches ("lanes") of the data
    are divided side by side in NumPy and joined afterwards:

        crc(a + b) = crc(a) * x**(8 * len(b)) + crc(b)

    Source: RFC 3720, appendix B.4, for the polynomial and its test values.
    """
    if len(data) < 4:
        crc = 0xFFFFFFFF
        for byte in data:
            crc = int(_byte_table()[(crc ^ byte) & 0xFF]) ^ (crc >> 8)
        return crc ^ 0xFFFFFFFF
    num_words = -(-len(data) // 4)
    # Lanes of 2**n words; zeros in front do not change a remainder.
    length = 1 << max(0, (num_words.bit_length() - 4) // 2)
    num_lanes = -(-num_words // length)
    padded = np.zeros(4 * length * num_lanes, np.uint8)
    first = len(padded) - len(data)
    padded[first:] = np.frombuffer(data, np.uint8)
    padded[first : first + 4] ^= 0xFF  # the initial value, all ones
    words = padded.view("<u4").reshape(num_lanes, length)
    return _joined(_remainders(words), 4 * length) ^ 0xFFFFFFFF


def _remainders(words: UintArray) -> UintArray:
    """Divides lanes `(num_lanes, length)`; returns `(num_lanes,)`."""
    low, high = _word_tables()
    crc = np.zeros(len(words), np.uint32)
    for column in np.ascontiguousarray(words.T):
        crc ^= column
        crc = low[crc & 0xFFFF] ^ high[crc >> 16]
    return crc


def _joined(crc: UintArray, lane_bytes: int) -> int:
    """Joins the remainders of neighbouring lanes until one is left."""
    matrix = _shift_matrix(lane_bytes)
    while len(crc) > 1:
        if len(crc) % 2:
            crc = np.concatenate([np.zeros(1, np.uint32), crc])
        crc = _times(matrix, crc[0::2]) ^ crc[1::2]
        matrix = _times(matrix, matrix)  # twice as many bytes
    return int(crc[0])


def _times(matrix: UintArray, values: UintArray) -> UintArray:
    """Multiplies bit vectors by a bit matrix given as 32 columns."""
    product = np.zeros_like(values)
    for bit, column in enumerate(matrix):
        product ^= ((values >> np.uint32(bit)) & 1) * column
    return product


def _after_zeros(crc: UintArray, num_bytes: int) -> UintArray:
    """Carries remainders on over a few zero bytes."""
    table = _byte_table()
    for _ in range(num_bytes):
        crc = table[crc & 0xFF] ^ (crc >> 8)
    return crc


@functools.cache
def _shift_matrix(num_bytes: int) -> UintArray:
    """The matrix that carries a remainder on over 2**n zero bytes."""
    if num_bytes == 1:
        return _after_zeros(np.uint32(1) << np.arange(32, dtype=np.uint32), 1)
    half = _shift_matrix(num_bytes // 2)
    return _times(half, half)


@functools.cache
def _byte_table() -> UintArray:
    """The remainder of every byte, `(256,)`."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (table & 1).astype(np.uint32)
        table = (table >> np.uint32(1)) ^ (odd * np.uint32(_POLYNOMIAL))
    return table


@functools.cache
def _word_tables() -> tuple[UintArray, UintArray]:
    """The remainders of a word's low and high half, `(65536,)` each."""
    half = np.arange(65536, dtype=np.uint32)
    return _after_zeros(half, 4), _after_zeros(half << np.uint32(16), 4)
