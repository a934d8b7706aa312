"""TensorFlow, loaded without its own lines on the terminal."""

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# What TensorFlow's C++ parts print while they load, whatever the log level.
_NOISE = re.compile(
    r"WARNING: All log messages before absl::InitializeLog|[IWE]\d{4,} .*\] "
)


def load_tensorflow() -> None:
    """Imports TensorFlow and Keras; of what they print, errors alone are left.

    For commands only: who imports the library sees what TensorFlow says. A
    `TF_CPP_MIN_LOG_LEVEL` of 0 to 2 in the environment shows everything.
    """
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if level in ("0", "1", "2"):
        importlib.import_module("keras")
        return
    with _noise_left_out():
        tensorflow = importlib.import_module("tensorflow")
        importlib.import_module("keras")
        tensorflow.config.list_physical_devices()  # looks for GPUs, aloud
    # It takes the functions of many models for one that is traced too often.
    tensorflow.get_logger().setLevel("ERROR")


@contextmanager
def _noise_left_out() -> Iterator[None]:
    """Holds back what is written to file descriptor 2; passes the rest on."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if line.strip() and not _NOISE.match(line):
                    print(line, file=sys.stderr)
