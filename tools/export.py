"""Exports a trained model, or one head of it, for use without Keras.

Examples:
    python tools/export.py --model=runs/digits_online_0 --out=exported/digits
    python tools/export.py --model=runs/digits_online_0 --format=tflite \
        --head=joint --out=digits.tflite
    python tools/export.py --model=runs/digits_online_0 --format=onnx \
        --modalities=sound --out=sound.onnx
"""

import sys
from collections.abc import Sequence

from absl import app
from absl import flags
from absl import logging

import gblend_keras as gb

_MODEL = flags.DEFINE_string(
    "model",
    None,
    "Run directory of tools/train.py, a .keras file, or a name of the zoo.",
    required=True,
)
_FORMAT = flags.DEFINE_enum(
    "format", "savedmodel", ["savedmodel", "tflite", "onnx"], "File format."
)
_OUT = flags.DEFINE_string(
    "out", None, "File or folder to write.", required=True
)
_HEAD = flags.DEFINE_string(
    "head", "all", "all, joint, blend, or a modality's name."
)
_MODALITIES = flags.DEFINE_list(
    "modalities", [], "Export the answer from these modalities alone."
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments; every decision is made in `exporting`."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    logging.set_verbosity(logging.ERROR)  # converters say a lot
    try:
        model, class_names = gb.export.load_source(_MODEL.value)
        exported = gb.export.export_model(
            model,
            _OUT.value,
            format=_FORMAT.value,
            head=_HEAD.value,
            modalities=_MODALITIES.value,
            class_names=class_names,
        )
    except (ValueError, ImportError) as error:
        sys.exit(f"export: {error}")
    print(gb.export.describe(exported))
    print(f"Everything about it is in {_OUT.value}.json")


if __name__ == "__main__":
    app.run(main)
