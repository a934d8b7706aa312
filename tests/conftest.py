"""What every test starts from: quiet, seeded, nothing left of the last one."""

import gc
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import pytest

# A shell that starts the tests in the background has SIGINT ignored, and so
# would the programs that tests send one to.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

gc.freeze()  # the libraries stay: no need to look through them again


@pytest.fixture(autouse=True)
def _fresh_keras():
    # Collecting garbage before each test would take a third of all the time.
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")
