"""TensorFlow, loaded without its own lines on the terminal."""

import importlib
import os

from gblend_keras.utils import noise


def load_tensorflow() -> None:
    """Imports TensorFlow and Keras; of what they print, errors alone are left.

    For commands only: who imports the library sees what TensorFlow says. A
    `TF_CPP_MIN_LOG_LEVEL` of 0 to 2 in the environment shows everything.
    Worker processes inherit the level, and are as silent.
    """
    os.environ.setdefault(noise.LEVEL, "3")
    with noise.left_out():
        tensorflow = importlib.import_module("tensorflow")
        importlib.import_module("keras")
        if noise.is_unwanted():
            tensorflow.config.list_physical_devices()  # looks for GPUs, aloud
    if noise.is_unwanted():
        # It takes the functions of many models for one traced too often.
        tensorflow.get_logger().setLevel("ERROR")
