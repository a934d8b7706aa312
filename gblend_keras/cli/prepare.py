r"""Writes the videos of a data set as TFRecord shards, with worker processes.

Examples:
    gblend prepare --dataset=csv --annotations=labels.csv \
        --videos=DIR --out=DIR --waveform --workers=8
    gblend prepare --dataset=epic100 --annotations=train.csv,validation.csv \
        --classes=verbs.csv,nouns.csv --videos=DIR --out=DIR --flow=dis
    gblend prepare --out=DIR --verify
"""

from collections.abc import Sequence

from absl import flags

from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.data.annotations import manifest
from gblend_keras.data.records import preparation
from gblend_keras.data.records import record_index

ERRORS = (*command.ERRORS, RuntimeError)  # a worker that does not start

FLAGS = common_flags.new_flags()
_DATASET = flags.DEFINE_enum(
    "dataset",
    "csv",
    manifest.DATASETS,
    "Kind of the annotation files.",
    flag_values=FLAGS,
)
_ANNOTATIONS = flags.DEFINE_list(
    "annotations",
    [],
    "Annotation files, separated by commas.",
    flag_values=FLAGS,
)
_VIDEOS = flags.DEFINE_string(
    "videos", None, "Folder of the videos.", flag_values=FLAGS
)
_OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder to write. A stopped run found there goes on.",
    flag_values=FLAGS,
)
_CLASSES = flags.DEFINE_list(
    "classes",
    None,
    "Files of class names; default: beside the annotations.",
    flag_values=FLAGS,
)
_SPLIT = flags.DEFINE_enum(
    "split",
    None,
    ["train", "validation", "test"],
    "Split of all segments; default: as the annotations say.",
    flag_values=FLAGS,
)
_FRAMES = flags.DEFINE_bool(
    "frames", True, "Store JPEG frames.", flag_values=FLAGS
)
_SHORT_SIDE = flags.DEFINE_integer(
    "short_side",
    256,
    "Shorter side of the frames, in pixels; 0: as it is.",
    flag_values=FLAGS,
)
_FRAME_RATE = flags.DEFINE_float(
    "frame_rate_hz", 0.0, "Frames a second; 0: as they are.", flag_values=FLAGS
)
_JPEG_QUALITY = flags.DEFINE_integer(
    "jpeg_quality", 90, "From 1 to 100.", flag_values=FLAGS
)
_WAVEFORM = flags.DEFINE_bool(
    "waveform", False, "Store the sound.", flag_values=FLAGS
)
_SAMPLE_RATE = flags.DEFINE_integer(
    "sample_rate_hz",
    16000,
    "Samples of the stored sound in a second.",
    flag_values=FLAGS,
)
_LOG_MEL = flags.DEFINE_bool(
    "log_mel", False, "Store log-mel energies.", flag_values=FLAGS
)
_FLOW = flags.DEFINE_enum(
    "flow",
    "",
    ["", "dis", "farneback"],
    "Optical flow to store.",
    flag_values=FLAGS,
)
_NUM_SHARDS = flags.DEFINE_integer(
    "num_shards",
    0,
    "Shards of each split; 0: one for 64 segments.",
    flag_values=FLAGS,
)
_MIN_SECONDS = flags.DEFINE_float(
    "min_seconds",
    0.1,
    "A shorter video or segment is too short.",
    flag_values=FLAGS,
)
_MAX_SECONDS = flags.DEFINE_float(
    "max_seconds",
    0.0,
    "Cuts longer videos and segments; 0: nowhere.",
    flag_values=FLAGS,
)
_WORKERS = flags.DEFINE_integer(
    "workers", 1, "Processes that decode.", flag_values=FLAGS
)
_MAX_FAILURES = flags.DEFINE_integer(
    "max_failures",
    None,
    "Fails in the end if more videos could not be stored; default: any number.",
    flag_values=FLAGS,
)
_VERIFY = flags.DEFINE_bool(
    "verify",
    False,
    "Only compare the shards in --out with their checksums.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `data.records`."""
    command.check_no_words(words)
    command.check_given(
        FLAGS, *(("out",) if _VERIFY.value else ("out", "videos"))
    )
    try:
        made = (
            record_index.check_shards(_OUT.value)
            if _VERIFY.value
            else _prepare()
        )
        print(preparation.summary(made))
        print(f"Everything about these records is in {_OUT.value}")
        preparation.check_failures(made, _MAX_FAILURES.value)
    except KeyboardInterrupt:
        raise SystemExit(
            "gblend prepare: stopped. The same command goes on from here."
        ) from None


def _prepare() -> record_index.RecordSet:
    return preparation.prepare(
        manifest.read_manifest(
            _DATASET.value,
            _ANNOTATIONS.value,
            videos=_VIDEOS.value,
            classes=_CLASSES.value,
            split=_SPLIT.value,
        ),
        videos=_VIDEOS.value,
        out=_OUT.value,
        settings=record_index.RecordSettings(
            frames=_FRAMES.value,
            short_side=_SHORT_SIDE.value,
            frame_rate_hz=_FRAME_RATE.value,
            jpeg_quality=_JPEG_QUALITY.value,
            waveform=_WAVEFORM.value,
            sample_rate_hz=_SAMPLE_RATE.value,
            log_mel=_LOG_MEL.value,
            flow=_FLOW.value,
            num_shards=_NUM_SHARDS.value,
            min_seconds=_MIN_SECONDS.value,
            max_seconds=_MAX_SECONDS.value,
        ),
        num_workers=_WORKERS.value,
    )
