"""The name of a strategy -> the `tf.distribute.Strategy`."""

import tensorflow as tf

from gblend_keras import config

NAMES = ("default", "mirrored")


def make_strategy(name: str = "default") -> tf.distribute.Strategy:
    """Returns the strategy of this name.

    Args:
        name: "default" for one device, or "mirrored" for all GPUs of this
            machine (all logical CPUs where there is no GPU).

    Raises:
        ValueError: If the name is unknown.
    """
    config.check_choice("strategy", name, NAMES)
    if name == "default":
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)
