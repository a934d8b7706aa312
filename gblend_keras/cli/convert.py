r"""Converts a public checkpoint to a Keras network and its input contract.

Examples:
    gblend convert --source=vmz --input=FILE.pkl \
        --output=ip_csn_152.weights.h5
    gblend convert --source=ig65m --input=FILE.pth --dry_run
"""

from collections.abc import Sequence

from absl import flags

import gblend_keras as gb
from gblend_keras.cli import command
from gblend_keras.cli import common_flags
from gblend_keras.cli import early_checks
from gblend_keras.cli import quiet

# As `converters.detection.SOURCES`, which needs TensorFlow.
SOURCES = ("vmz", "ig65m", "torchvision", "mmaction2")

FLAGS = common_flags.new_flags()
_SOURCE = flags.DEFINE_enum(
    "source", None, SOURCES, "Whose checkpoint it is.", flag_values=FLAGS
)
_INPUT = flags.DEFINE_string(
    "input",
    None,
    "The checkpoint: .pkl, .pth or .safetensors.",
    flag_values=FLAGS,
)
_OUTPUT = flags.DEFINE_string(
    "output",
    None,
    "Where the network goes: .weights.h5 or .keras.",
    flag_values=FLAGS,
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run",
    False,
    "Print which tensor goes where, and write nothing.",
    flag_values=FLAGS,
)


def run(words: Sequence[str]) -> None:
    """Turns flags into arguments; the work is done in `converters`."""
    command.check_no_words(words)
    command.check_given(FLAGS, "source", "input")
    if _OUTPUT.value is None and not _DRY_RUN.value:
        raise command.UsageError("Expected --output=FILE or --dry_run.")
    early_checks.check_file("input", str(_INPUT.value))
    quiet.load_tensorflow()
    report = gb.convert_checkpoint(
        str(_SOURCE.value),
        str(_INPUT.value),
        _OUTPUT.value,
        dry_run=_DRY_RUN.value,
    )
    print(report if _DRY_RUN.value else report.summary())
