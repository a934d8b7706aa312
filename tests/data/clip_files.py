"""Tiny media files whose frames say their number, written with PyAV."""

from fractions import Fraction

import av
import numpy as np

BITS = 8
TICKS = 1000  # time stamps are given in milliseconds


def numbered(index, height=48, width=64):
    """A picture whose eight stripes spell a number: white is 1."""
    bits = [(index >> bit) & 1 for bit in range(BITS)]
    stripes = np.repeat(np.array(bits, np.uint8) * 255, -(-width // BITS))
    picture = np.broadcast_to(stripes[:width, None], (height, width, 3))
    return np.ascontiguousarray(picture)


def number_of(image):
    """Reads the number back, whatever the size."""
    stripes = np.array_split(image.mean(axis=(0, 2)), BITS)
    # The outer columns of a stripe bleed into its neighbours.
    means = [stripe[len(stripe) // 4 : -1].mean() for stripe in stripes]
    return sum(int(mean > 128) << bit for bit, mean in enumerate(means))


def numbers_of(frames):
    return [number_of(image) for image in frames.images]


def write_clip(path, times_ms, *, size=(48, 64), codec="mpeg4", sound=None):
    """Writes frames 0, 1, ... at the given times, and a sound.

    `sound` is None or `(waveform (channels, samples) float32, rate, codec,
    start in seconds)`.
    """
    height, width = size
    with av.open(str(path), "w") as container:
        video = audio = None
        if times_ms is not None:
            gaps = np.diff(times_ms)
            rate = round(1000 / gaps.min()) if len(gaps) else 25
            video = container.add_stream(codec, rate=rate)
            video.width, video.height = width, height
            video.pix_fmt = "yuv420p"
            video.gop_size = 12
            video.bit_rate = 400_000
            if codec in ("mpeg4", "mpeg1video"):
                video.codec_context.max_b_frames = 2
            if len(set(gaps)) > 1:  # else ticks of one frame
                video.codec_context.time_base = Fraction(1, TICKS)
        if sound is not None:
            waveform, rate, sound_codec, start = sound
            layout = "mono" if len(waveform) == 1 else "stereo"
            audio = container.add_stream(sound_codec, rate=rate, layout=layout)
        if video is not None:
            _write_frames(container, video, times_ms, size)
        if audio is not None:
            _write_sound(container, audio, waveform, rate, start)
    return path


def tone(seconds, rate, *, hertz=440.0, channels=1, loudness=0.5):
    """A sine on all channels, `(channels, samples)`."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile((loudness * wave).astype(np.float32), (channels, 1))


def turn(path, quarter_turns):
    """Writes a rotation into the track header of an MP4 file.

    The turns are anti-clockwise, as a player has to make them.
    """
    content = bytearray(path.read_bytes())
    begin = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    cosine, sine = ((one, 0), (0, one), (-one, 0), (0, -one))[quarter_turns]
    matrix = np.array([cosine, -sine, 0, sine, cosine, 0, 0, 0, 1 << 30], ">i4")
    content[begin : begin + 36] = matrix.tobytes()
    path.write_bytes(content)


def _write_frames(container, stream, times_ms, size):
    for index, time in enumerate(times_ms):
        frame = av.VideoFrame.from_ndarray(numbered(index, *size))
        frame.time_base = (
            stream.codec_context.time_base or 1 / stream.codec_context.framerate
        )
        frame.pts = round(time / 1000 / frame.time_base)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _write_sound(container, stream, waveform, rate, start):
    layout = "mono" if len(waveform) == 1 else "stereo"
    samples = np.round(waveform * 32767).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples.T).reshape(1, -1), "s16", layout
    )
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    frame.pts = round(start * rate)
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
