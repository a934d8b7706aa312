"""The name of a strategy -> the `tf.distribute.Strategy`."""

import faulthandler
import json
import os
import sys
from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras.distribution import workers

START_SECONDS = 600  # a scheduler may start machines minutes apart
NAMES = ("default", "mirrored", "multi_worker", "tpu")


def make_strategy(
    name: str = "default", *, start_seconds: float = START_SECONDS
) -> tf.distribute.Strategy:
    """Returns the strategy of this name.

    To be called before any tensor exists: "multi_worker" has to set up the
    exchange between machines first, "tpu" the TPU system.

    Args:
        name: "default" for one device; "mirrored" for all GPUs of this
            machine (all logical CPUs where there is no GPU); "multi_worker"
            for several processes, each told by `TF_CONFIG` who it is, with
            all its GPUs; "tpu" for the TPU that `TPU_NAME` names, or the
            local one.
        start_seconds: How long a worker waits for the others to start. Then
            its process ends, with exit code 1: nothing else ends TensorFlow's
            waiting, SIGTERM neither.

    Raises:
        ValueError: If the name is unknown, `TF_CONFIG` is missing or
            malformed, or there is no TPU.

    Example:
        >>> import gblend_keras as gb
        >>> strategy = gb.distribution.make_strategy("default")
        >>> strategy.num_replicas_in_sync
        1
    """
    config.check_choice("strategy", name, NAMES)
    if name == "multi_worker":
        check_cluster(os.environ.get("TF_CONFIG"))
        return _multi_worker_strategy(start_seconds)
    if name == "tpu":
        return _tpu_strategy()
    if name == "default":
        return tf.distribute.get_strategy()
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker_strategy(start_seconds: float) -> tf.distribute.Strategy:
    """Returns the strategy when all workers are there."""
    print(
        f"Waiting for all workers of {os.environ['TF_CONFIG']}. Where one has "
        f"not come after {start_seconds:g} seconds, this one ends with a "
        "timeout: then start all of them again.",
        file=sys.stderr,
        flush=True,
    )
    # TensorFlow waits without letting other Python threads run.
    faulthandler.dump_traceback_later(start_seconds, exit=True)
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        workers.all_true(strategy, True)
    finally:
        faulthandler.cancel_dump_traceback_later()
    return strategy


def check_cluster(text: str | None) -> None:
    """Raises unless `TF_CONFIG` names the workers and this process's task.

    Args:
        text: Value of the environment variable, or None.
    """
    advice = (
        "Expected JSON such as "
        '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, '
        '"task": {"type": "worker", "index": 0}}. '
        f"Received: TF_CONFIG={text!r}. "
        "Start the workers with one of the scripts in tools/launch."
    )
    try:
        found: Any = json.loads(text or "")
        tasks, task = found["cluster"], found["task"]
        kind, index = task["type"], task["index"]
        count = len(tasks.get(kind, []))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"`TF_CONFIG` does not say who this process is. {advice}"
        ) from error
    if kind not in ("chief", "worker") or not 0 <= index < count:
        raise ValueError(f"`TF_CONFIG` has no address for this task. {advice}")


def _tpu_strategy() -> tf.distribute.TPUStrategy:
    name = os.environ.get("TPU_NAME", "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (
        ValueError,
        ImportError,
        OSError,
        tf.errors.OpError,
    ) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"`strategy` finds no TPU. Expected one called {name!r} "
            f"(environment variable TPU_NAME). Received: {reason} "
            "Use another strategy, or run this on a TPU machine."
        ) from error
