"""The frames of a segment, and the flow between them, as JPEG images."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras.data.media import flow
from gblend_keras.data.media import reader
from gblend_keras.data.records import media_sequence
from gblend_keras.data.records import record_format
from gblend_keras.utils import optional

ImageArray = npt.NDArray[np.uint8]

FLOW_BOUND = 20.0  # pixels a frame; what moves faster is cut off
_PIECE_BYTES = 96 * 2**20  # frames held at a time; flow takes four times that
_USUAL_RATE_HZ = 30.0  # where a file does not say its own


class UnusableError(ValueError):
    """A segment that decodes but cannot serve.

    Attributes:
        reason: In a word or two, for tables.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


@dataclasses.dataclass(frozen=True)
class Span:
    """What of a file is read; an end of None is the end of the file."""

    start: float
    end: float | None
    info: reader.MediaInfo

    @property
    def frame_rate_hz(self) -> float:
        return self.info.frame_rate_hz or _USUAL_RATE_HZ


def read_images(
    path: Path, span: Span, settings: record_format.RecordSettings
) -> tuple[media_sequence.Images, media_sequence.Images]:
    """Reads, scales and encodes the frames, and the flow between them."""
    frames: list[bytes] = []
    flows: list[bytes] = []
    seconds: list[float] = []
    height, width = 0, 0
    before: ImageArray | None = None
    for piece in _pieces(path, span, settings):
        height, width = piece.images.shape[1:3]
        seconds.extend(piece.timestamps_seconds.tolist())
        if settings.frames:
            cv2 = opencv()
            for image in piece.images:
                picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
                frames.append(_jpeg(picture, settings.jpeg_quality))
        if settings.flow:
            moving = piece.images
            if before is not None:  # the flow out of the last piece, at last
                moving = np.concatenate([before, moving])
                flows.pop()
            before = moving[-1:]
            flows.extend(flow_jpegs(moving, settings))
    rate = settings.frame_rate_hz or span.frame_rate_hz
    pictures = media_sequence.Images(frames, seconds, height, width, rate)
    if not settings.frames:
        pictures = dataclasses.replace(pictures, encoded=())
    return pictures, dataclasses.replace(
        pictures, encoded=flows, saturation=FLOW_BOUND
    )


def _pieces(
    path: Path, span: Span, settings: record_format.RecordSettings
) -> Iterator[reader.Frames]:
    """Reads the frames of a span, so many at a time that memory stays small.

    No frame comes twice: the one on the screen where a piece begins was the
    last of the piece before.
    """
    rate = settings.frame_rate_hz or span.frame_rate_hz
    step = frames_a_piece(span.info, settings) / rate
    last = -math.inf
    for number in range(2**31):
        start = span.start + number * step
        end: float | None = start + step
        limit = span.end or span.info.duration_seconds
        if limit and start + step >= limit:
            end = span.end  # None reads on, whatever the file says it lasts
        if number and span.end is not None and start >= span.end:
            return
        try:
            piece = reader.read_frames(
                path,
                start_seconds=start,
                end_seconds=end,
                frame_rate_hz=settings.frame_rate_hz or None,
                short_side=settings.short_side or None,
                num_threads=1,  # the workers share the processors
            )
        except reader.MediaError as error:
            if number and error.reason == "too short":
                return
            raise
        new = piece.timestamps_seconds > last
        if new.any():
            last = piece.timestamps_seconds[-1]
            yield reader.Frames(
                piece.images[new], piece.timestamps_seconds[new]
            )
        if end == span.end:
            return


def frames_a_piece(
    info: reader.MediaInfo, settings: record_format.RecordSettings
) -> int:
    """Counts the frames that may be held at a time."""
    scale = settings.short_side / max(min(info.width, info.height), 1) or 1.0
    image_bytes = 3 * info.width * info.height * scale**2
    share = 4 if settings.flow else 1
    return max(int(_PIECE_BYTES / share / max(image_bytes, 1.0)), 16)


def flow_jpegs(
    images: ImageArray, settings: record_format.RecordSettings
) -> Iterator[bytes]:
    """Encodes flow: x as red, y as green, a blue that says nothing."""
    cv2 = opencv()
    # Colours are not shared between neighbours, as pictures allow.
    full = (
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    )
    method: Any = settings.flow
    motion = flow.optical_flow(images, method=method, bound=FLOW_BOUND)
    for each in flow.encode_flow(motion, bound=FLOW_BOUND):
        picture = np.full((*each.shape[:2], 3), 128, np.uint8)  # BGR
        picture[..., 2] = each[..., 0]
        picture[..., 1] = each[..., 1]
        yield _jpeg(picture, settings.jpeg_quality, *full)


def _jpeg(picture: ImageArray, quality: int, *options: int) -> bytes:
    cv2 = opencv()
    done, data = cv2.imencode(
        ".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *options]
    )
    if not done:
        raise UnusableError(
            "error",
            "OpenCV cannot encode a frame as JPEG. Expected sides up to 65500 "
            f"pixels. Received: {picture.shape[1]} x {picture.shape[0]}. "
            "Set short_side.",
        )
    return bytes(data)


def opencv() -> Any:
    """Returns OpenCV, or says how to install it."""
    return optional.load("cv2", extra="video", purpose="Encoding frames")
