"""Converts a public checkpoint to a Keras network and its input contract.

Example:
    python tools/convert_checkpoint.py --source=vmz --input=FILE.pkl \
        --output=ip_csn_152.weights.h5
    python tools/convert_checkpoint.py --source=ig65m --input=FILE.pth --dry_run
"""

import importlib
from collections.abc import Sequence

from absl import app
from absl import flags

# As `gblend_keras.converters.detection.SOURCES`, which needs TensorFlow.
_SOURCES = ("vmz", "ig65m", "torchvision", "mmaction2")

_SOURCE = flags.DEFINE_enum(
    "source", None, _SOURCES, "Whose checkpoint it is.", required=True
)
_INPUT = flags.DEFINE_string(
    "input",
    None,
    "The checkpoint: .pkl, .pth or .safetensors.",
    required=True,
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "Where the network goes: .weights.h5 or .keras."
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Print which tensor goes where, and write nothing."
)


def main(argv: Sequence[str]) -> None:
    """Turns flags into arguments of `convert`, and prints its report."""
    if len(argv) > 1:
        raise app.UsageError(f"Expected only flags. Received: {argv[1:]}.")
    if _OUTPUT.value is None and not _DRY_RUN.value:
        raise app.UsageError("Expected --output=FILE or --dry_run.")
    # Here, so that --help is quick: it imports TensorFlow.
    convert = importlib.import_module("gblend_keras.converters.converter")
    try:
        report = convert.convert_checkpoint(
            _SOURCE.value,
            _INPUT.value,
            _OUTPUT.value,
            dry_run=_DRY_RUN.value,
        )
    except (ValueError, ImportError) as error:
        raise SystemExit(f"{error}") from None
    print(report if _DRY_RUN.value else report.summary())


if __name__ == "__main__":
    app.run(main)
