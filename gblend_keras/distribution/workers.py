"""Which process this is among those that train together."""

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import tensorflow as tf


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """Returns how many processes train together under a strategy.

    Example:
        >>> import gblend_keras as gb
        >>> strategy = gb.distribution.make_strategy("default")
        >>> gb.distribution.num_workers(strategy)
        1
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    tasks = strategy.cluster_resolver.cluster_spec().as_dict()
    counts = [len(tasks.get(kind, [])) for kind in ("chief", "worker")]
    return max(1, sum(counts))


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Says if several processes, each with its own input, train together."""
    return num_workers(strategy) > 1


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Says if this process is the one that writes files.

    Under a multi-worker strategy that is the task "chief", or worker 0 where
    there is none; elsewhere there is one process only.

    Example:
        >>> import gblend_keras as gb
        >>> strategy = gb.distribution.make_strategy("default")
        >>> gb.distribution.is_chief(strategy)
        True
    """
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    wanted = ("chief" if has_chief else "worker", 0)
    return (resolver.task_type, resolver.task_id) == wanted


def end_process(failure: str = "") -> NoReturn:
    """Ends this process at once: with success, or with a failure.

    For the last line of a worker's program. TensorFlow 2.21 at times hangs or
    crashes at exit, while it takes down the exchange between workers.

    Args:
        failure: Printed to standard error; the exit code is 1 then.

    Example:
        >>> import gblend_keras as gb
        >>> strategy = gb.distribution.make_strategy("default")
        >>> if gb.distribution.is_chief(strategy):
        ...     print("trained")
        trained
        >>> gb.distribution.end_process()  # doctest: +SKIP
    """
    if failure:
        print(failure, file=sys.stderr)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if failure else 0)


@contextmanager
def folder_to_write(
    strategy: tf.distribute.Strategy, folder: Path
) -> Iterator[Path]:
    """Gives the chief the folder and every other worker a temporary one.

    All workers have to save a model together: Keras looks at its metrics
    while it saves, and their values are exchanged.

    Yields:
        Where this process may write.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> strategy = gb.distribution.make_strategy("default")
        >>> write = gb.distribution.folder_to_write
        >>> with write(strategy, Path("run")) as folder:
        ...     print(folder)  # every worker saves the model there
        run
    """
    if is_chief(strategy):
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="gblend-worker-") as own:
        yield Path(own)


def num_true(strategy: tf.distribute.Strategy, flag: bool) -> int:
    """Counts the workers whose flag is true; each worker must call it.

    Workers that decided differently would wait for each other for ever.
    """
    return _summed(strategy, [int(flag)])[0]


def all_true(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Says if the flag is true on every worker; each worker must call it."""
    return num_true(strategy, flag) == num_workers(strategy)


def all_equal(strategy: tf.distribute.Strategy, numbers: Sequence[int]) -> bool:
    """Says if every worker has the same numbers; each worker must call it.

    Args:
        strategy: What the workers train under.
        numbers: As many on every worker, each less than a million.
    """
    totals = _summed(strategy, numbers)
    # Where numbers differ, some worker's is not their mean.
    workers = num_workers(strategy)
    return all_true(strategy, totals == [each * workers for each in numbers])


def _summed(
    strategy: tf.distribute.Strategy, numbers: Sequence[int]
) -> list[int]:
    """Adds numbers over workers; each worker must call it."""
    if not is_multi_worker(strategy):
        return list(numbers)

    def summed() -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        values = tf.constant(numbers, tf.float32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, values)

    totals = strategy.experimental_local_results(strategy.run(summed))
    replicas_of_worker = strategy.num_replicas_in_sync / num_workers(strategy)
    return [round(each / replicas_of_worker) for each in totals[0].numpy()]


def everywhere(strategy: tf.distribute.Strategy, path: Path) -> bool:
    """Says if a file exists; all workers must see the same.

    Raises:
        ValueError: If some workers see it and others do not.
    """
    found = path.exists()
    count = num_true(strategy, found)
    if count not in (0, num_workers(strategy)):
        raise ValueError(
            f"`workdir` is not shared: {path.parent}. Expected every worker "
            f"to see {path.name}. Received: {count} of "
            f"{num_workers(strategy)} see it. "
            "Choose a folder that all machines mount."
        )
    return found


def on_chief(
    strategy: tf.distribute.Strategy, work: Callable[[], None]
) -> None:
    """Does something on the chief, while the other workers wait.

    Raises:
        ValueError: On every worker, if it fails on the chief with a
            `ValueError` or an `OSError`.
    """
    failure: Exception | None = None
    if is_chief(strategy):
        try:
            work()
        except (ValueError, OSError) as error:
            failure = error
    if not all_true(strategy, failure is None):
        raise failure or ValueError(
            "The chief worker stopped. Expected it to go on. Received: an "
            "error there. See the log of the chief, which is worker 0."
        )
