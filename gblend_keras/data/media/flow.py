"""Frames -> optical flow (OpenCV), and flow <-> 8-bit codes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.utils import optional

METHODS = ("dis", "farneback")
SHORTEST_SIDE = 16  # pixels; DIS matches patches of 8 at half the size
ZERO_CODE = 128
_STEPS = 127  # codes on either side of zero

FloatArray = npt.NDArray[np.float32]


def optical_flow(
    frames: npt.NDArray[np.uint8],
    *,
    method: str = "dis",
    bound: float = 20.0,
) -> FloatArray:
    """Estimates how far each pixel moves until the next frame.

    `flow[t, y, x] = (right, down)` in pixels from frame t to frame t + 1, cut
    at +-bound. The last flow is repeated, so that there are as many flows as
    frames; a single frame does not move.

    "dis" is dense inverse search with OpenCV's preset "medium". Both run on
    one thread: neither the result nor the load of several workers then
    depends on the machine.

    Source: Kroeger, Timofte, Dai & Van Gool, ECCV 2016 ("dis"); Farneback,
    SCIA 2003 ("farneback"), with the parameters of OpenCV's example.

    Args:
        frames: Shape `(T, H, W, 3)`, uint8, RGB; sides of 16 pixels or more.
        method: "dis" or "farneback".
        bound: Largest motion that is kept, in pixels. Positive.

    Returns:
        Shape `(T, H, W, 2)`, float32.

    Raises:
        ValueError: If the frames are of another kind, or an argument is
            out of its range.
        ImportError: If OpenCV is missing.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.data import media
        >>> rng = np.random.default_rng(0)
        >>> squares = rng.integers(0, 256, (8, 8, 3), np.uint8)
        >>> first = squares.repeat(8, axis=0).repeat(8, axis=1)  # 64 x 64
        >>> frames = np.stack([first, np.roll(first, 2, axis=1)])
        >>> flow = media.optical_flow(frames)
        >>> flow.shape
        (2, 64, 64, 2)
        >>> np.median(flow[0], axis=(0, 1)).round().tolist()  # 2 to the right
        [2.0, 0.0]
    """
    is_clip = frames.ndim == 4 and frames.shape[-1] == 3 and len(frames) > 0
    if not is_clip or frames.dtype != np.uint8:
        raise ValueError(
            "`frames` is no RGB clip. Expected uint8 of shape (T, H, W, 3) "
            f"with T >= 1. Received: shape={frames.shape}, "
            f"dtype={frames.dtype}. Pass the images of `media.read_frames`."
        )
    if min(frames.shape[1:3]) < SHORTEST_SIDE:
        raise ValueError(
            "`frames` is too small for optical flow. Expected sides >= "
            f"{SHORTEST_SIDE}. Received: shape={frames.shape}. "
            "Read the frames with a larger `short_side`."
        )
    config.check_choice("method", method, METHODS)
    config.check_range("bound", bound, 1e-3, 1e4)
    cv2 = optional.load("cv2", extra="video", purpose="Optical flow")
    flows = np.zeros((*frames.shape[:3], 2), np.float32)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        estimate = _estimator(cv2, method)
        after = cv2.cvtColor(frames[0], cv2.COLOR_RGB2GRAY)
        for index in range(1, len(frames)):
            before, after = (
                after,
                cv2.cvtColor(frames[index], cv2.COLOR_RGB2GRAY),
            )
            flows[index - 1] = estimate(before, after)
    finally:
        cv2.setNumThreads(threads)
    if len(frames) > 1:
        flows[-1] = flows[-2]
    return flows.clip(-bound, bound, out=flows)


def encode_flow(
    flow: FloatArray, *, bound: float = 20.0
) -> npt.NDArray[np.uint8]:
    """Turns flow into 8-bit codes; `decode_flow` turns it back.

        code = 128 + round(127 * clip(flow, -bound, bound) / bound)

    Decoding gives the flow to within `bound / 254` (0.079 pixels for 20), and
    no motion exactly. Ours: the usual code spreads -bound..bound over 0..255,
    where no code stands for no motion.

    Args:
        flow: Any shape, in pixels.
        bound: Motion of the largest code, in pixels. Positive.

    Returns:
        The same shape, uint8, 1 to 255.

    Raises:
        ValueError: If `bound` is not positive.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.data import media
        >>> codes = media.encode_flow(np.array([-30.0, 0.0, 10.0], np.float32))
        >>> codes.tolist()
        [1, 128, 192]
    """
    config.check_range("bound", bound, 1e-3, 1e4)
    steps = np.rint(np.clip(flow / bound, -1, 1) * _STEPS)
    return (steps + ZERO_CODE).astype(np.uint8)


def decode_flow(
    codes: npt.NDArray[np.uint8], *, bound: float = 20.0
) -> FloatArray:
    """Turns the codes of `encode_flow` back into flow.

    Args:
        codes: Any shape, uint8.
        bound: That of the encoding, in pixels.

    Returns:
        The same shape, float32, in pixels.

    Raises:
        ValueError: If `bound` is not positive.

    Example:
        >>> import numpy as np
        >>> from gblend_keras.data import media
        >>> codes = np.array([1, 128, 255], np.uint8)
        >>> media.decode_flow(codes, bound=20.0).tolist()
        [-20.0, 0.0, 20.0]
    """
    config.check_range("bound", bound, 1e-3, 1e4)
    steps = codes.astype(np.float32) - ZERO_CODE
    return steps * np.float32(bound / _STEPS)


def _estimator(cv2: Any, method: str) -> Callable[[Any, Any], Any]:
    """A function of two grey pictures that returns the flow between them."""
    if method == "dis":
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return lambda before, after: search.calc(before, after, None)
    return lambda before, after: cv2.calcOpticalFlowFarneback(
        before,
        after,
        None,
        pyr_scale=0.5,
        levels=3,
        winsize=15,
        iterations=3,
        poly_n=5,
        poly_sigma=1.2,
        flags=0,
    )
