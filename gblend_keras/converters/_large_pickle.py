"""Pickles of large arrays, whose values stay in the file until they are read.

Unpickling a Python 2 file of 0.5 GB takes 1.5 GB: each array is a string, is
turned to bytes, and the unpickler keeps both. So the file is skimmed first,
opcode by opcode, and every long string is replaced by a short mark. The
restricted unpickler sees the rest, a few hundred kilobytes.
"""

import dataclasses
import io
import pickletools
import secrets
import struct
from pathlib import Path
from typing import Any

from gblend_keras.converters import _restricted_pickle

_LONG = 4096  # bytes; from here on a string stays in the file
# Opcodes of long strings, and how many bytes of length go before each.
_LENGTH_BYTES = {
    "BINSTRING": 4,
    "BINBYTES": 4,
    "BINUNICODE": 4,
    "BINBYTES8": 8,
    "BINUNICODE8": 8,
    "BYTEARRAY8": 8,
}
_FRAME = "FRAME"  # announces a length that is no longer right; not needed


@dataclasses.dataclass(frozen=True)
class Piece:
    """A long string that stayed in the file.

    Attributes:
        path: The file.
        start: Its first byte there.
        size: Its bytes there.
        num_bytes: The bytes that it stands for.
        is_text: Whether those stand there as UTF-8 text, one character each.
    """

    path: Path
    start: int
    size: int
    num_bytes: int
    is_text: bool

    def read(self) -> bytes:
        """Returns the bytes."""
        if self.is_text:
            return self.read_text().encode("latin1")
        return self._stored()

    def read_text(self) -> str:
        """Returns them as a string, as the unpickler would."""
        if self.is_text:
            return self._stored().decode("utf-8", "surrogatepass")
        return self._stored().decode("latin1")

    def _stored(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


def load(path: Path) -> Any:
    """Reads a pickle as `restricted_pickle.load` does, large arrays lazily.

    Args:
        path: The file.

    Returns:
        The object, with `tensors.Tensor` for large arrays.

    Raises:
        ValueError: If the pickle is damaged, or names anything but arrays and
            plain containers. Nothing of it has run.
    """
    try:
        rest, pieces = _skim(path)
    except Exception as error:  # a hostile file can raise anything
        raise _restricted_pickle.refusal(path, error) from error
    return _restricted_pickle.loads(rest, path, pieces=pieces)


def _skim(path: Path) -> tuple[bytes, dict[bytes, Piece]]:
    """Returns the pickle with marks for long strings, and what they mark."""
    rest = io.BytesIO()
    pieces: dict[bytes, Piece] = {}
    nonce = secrets.token_hex(8)  # so that no file can hold a mark itself
    with path.open("rb") as scanned, path.open("rb") as copied:
        for opcode, argument, position in pickletools.genops(scanned):
            end = scanned.tell()
            length_bytes = _LENGTH_BYTES.get(opcode.name, 0)
            start = (position or 0) + 1 + length_bytes
            if opcode.name == _FRAME:
                continue
            if not length_bytes or end - start < _LONG:
                copied.seek(position or 0)
                rest.write(copied.read(end - (position or 0)))
                continue
            mark = f"{nonce}-{len(pieces)}".encode()
            is_text = "UNICODE" in opcode.name
            pieces[mark] = Piece(
                path, start, end - start, len(argument or ""), is_text
            )
            rest.write(opcode.code.encode("latin1"))
            rest.write(struct.pack("<Q", len(mark))[:length_bytes])
            rest.write(mark)
    return rest.getvalue(), pieces
