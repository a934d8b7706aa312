r"""Exports a trained model, or one head of it, for use without Keras.

Examples:
    gblend export --model=runs/digits_online_0 --out=exported/digits
    gblend export --model=runs/digits_online_0 --format=tflite \
        --head=joint --out=digits.tflite
    gblend export --model=runs/digits_online_0 --format=onnx \
        --modalities=sound --out=sound.onnx
"""

from collections.abc import Sequence

from absl import flags
from absl import logging

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet
from gblend_keras.utils import noise

FLAGS = common_flags.new_flags()
_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run directory of gblend train, a .keras file, or a name of the zoo.",
    flag_values=FLAGS,
)
_FORMAT = flags.DEFINE_enum(
    "format",
    "savedmodel",
    ["savedmodel", "tflite", "onnx"],
    "File format.",
    flag_values=FLAGS,
)
_OUT = flags.DEFINE_string(
    "out", None, "File or folder to write.", flag_values=FLAGS
)
_HEAD = flags.DEFINE_string(
    "head", "all", "all, joint, blend, or a modality's name.", flag_values=FLAGS
)
_MODALITIES = flags.DEFINE_list(
    "modalities",
    [],
    "Export the answer from these modalities alone.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `export`."""
    command.check_no_words(words)
    command.check_given(FLAGS, "model", "out")
    early_checks.check_source(str(_MODEL.value))
    quiet.load_tensorflow()
    logging.set_verbosity(logging.ERROR)  # converters say a lot
    model, class_names = gb.export.load_source(str(_MODEL.value))
    with noise.left_out():  # LiteRT's own lines
        exported = gb.export.export_model(
            model,
            str(_OUT.value),
            format=_FORMAT.value,
            head=_HEAD.value,
            modalities=_MODALITIES.value,
            class_names=class_names,
        )
    print(gb.export.describe(exported))
    print(f"Everything about it is in {_OUT.value}.json")
