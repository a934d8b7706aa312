"""Where the time of a training goes, measured on a recipe."""

import collections
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras.building import model_builder
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks import gradient_blending
from gblend_keras.callbacks import metrics_log
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.data.sets import registry
from gblend_keras.runs import directory

_STEPS = 100  # of a round, at least: a call of `fit` begins with other work
_SHOWN = 12  # kinds of operations


def measure(
    recipe: config.Recipe, *, data_dir: Path | None, rounds: int = 5
) -> dict[str, Any]:
    """Measures what training a recipe spends on anything but its towers.

    Args:
        recipe: What is trained, on all heads.
        data_dir: Folder that holds the data sets' folders.
        rounds: Interleaved rounds of the comparison with a bare loop.

    Returns:
        "bare_loop", see `compare_with_bare_loop`; "outside", see
        `share_outside`; "operations", see `time_by_operation`.

    Raises:
        ValueError: If the data are bad or `rounds` is out of range.
    """
    config.check_range("rounds", rounds, 1, 1000)
    splits = registry.load(recipe.data, data_dir=data_dir)
    return {
        "bare_loop": compare_with_bare_loop(recipe, splits, rounds=rounds),
        "outside": share_outside(recipe, splits),
        "operations": time_by_operation(recipe, splits),
    }


def compare_with_bare_loop(
    recipe: config.Recipe, splits: example_set.Splits, *, rounds: int
) -> dict[str, Any]:
    """Times `fit` against a loop over a compiled step, and nothing else.

    The same network, optimizer, weighted losses and input pipeline; the bare
    loop has no metrics, callbacks or checks. Interleaved in one process.

    Returns:
        Median seconds of a step of each, "throughput": the median over rounds
        of ours as a share of the bare loop's, and its quartiles.
    """
    model = model_builder.build_model(recipe, splits)
    ours = _training_data(recipe, splits)
    bare, bare_step = _training_data(recipe, splits), _bare_step(recipe, splits)
    model.fit(ours, epochs=1, verbose=0)  # traces
    steps_an_epoch = _run_bare(bare_step, bare)
    epochs = -(-_STEPS // steps_an_epoch)
    steps = epochs * steps_an_epoch
    seconds: list[tuple[float, float]] = []
    for _ in range(rounds):
        began = time.perf_counter()
        model.fit(ours, epochs=epochs, verbose=0)
        between = time.perf_counter()
        for _ in range(epochs):
            _run_bare(bare_step, bare)
        seconds.append((between - began, time.perf_counter() - between))
    shares = [theirs / own for own, theirs in seconds]
    return {
        "throughput": statistics.median(shares),
        "quartiles": statistics.quantiles(shares, n=4) if rounds > 1 else [],
        "ours_seconds_a_step": statistics.median(s for s, _ in seconds) / steps,
        "bare_seconds_a_step": statistics.median(s for _, s in seconds) / steps,
        "steps_a_round": steps,
    }


def share_outside(
    recipe: config.Recipe, splits: example_set.Splits
) -> dict[str, float]:
    """Measures what a run spends outside training and estimates.

    The whole recipe with online blending: validation after each epoch,
    checkpoints, metrics. An epoch's training lasts from its first step to its
    last; building and tracing come before the first one.

    Returns:
        Seconds of "start": once a run, before the first epoch; "training",
        "validation", "estimates" and the "rest" of the epochs; "share": of
        the rest in training, estimates and rest.
    """
    model = model_builder.build_model(recipe, splits)
    blend = recipe.blend
    train, held = datasets.split_holdout(
        splits.train,
        blend.holdout_fraction,
        seed=0,
        batch_size=recipe.data.batch_size,
    )
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        blending = gradient_blending.GradientBlending(
            train,
            held,
            super_epochs=(blend.first_super_epoch, blend.super_epoch),
            history_path=Path(folder) / directory.HISTORY,
        )
        began = time.perf_counter()
        model.fit(
            train,
            validation_data=datasets.make_dataset(splits.test, batch_size=128),
            epochs=recipe.train.epochs,
            verbose=0,
            callbacks=[
                blending,
                metrics_log.MetricsLog(
                    Path(folder) / directory.METRICS, epochs_done=0
                ),
                run_checkpoint.RunCheckpoint(
                    Path(folder) / directory.CHECKPOINTS
                ),
                clock,  # the last: it sees when the others have begun
            ],
        )
        total = time.perf_counter() - began
    found = {
        "start": clock.began - began,
        "training": clock.training,
        "validation": clock.validation,
        "estimates": sum(each.seconds for each in blending.estimates),
    }
    rest = total - sum(found.values())
    share = rest / (total - found["start"] - clock.validation)
    return {**found, "rest": rest, "share": share}


def time_by_operation(
    recipe: config.Recipe, splits: example_set.Splits
) -> dict[str, Any]:
    """Profiles an epoch of training, once it is traced (`tf.profiler`).

    Returns:
        "seconds_of_operations": of all operations that ran inside TensorFlow
        on all threads of the host; "shares": of the kinds that took most.
    """
    model = model_builder.build_model(recipe, splits)
    train = _training_data(recipe, splits)
    model.fit(train, epochs=1, verbose=0)  # traces
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            model.fit(train, epochs=1, verbose=0)
        traces = Path(folder).rglob("*.xplane.pb")
        seconds = _operation_seconds(path.read_bytes() for path in traces)
    total = sum(seconds.values())
    return {
        "seconds_of_operations": total,
        "shares": {
            kind: taken / total for kind, taken in seconds.most_common(_SHOWN)
        },
    }


def _operation_seconds(
    traces: Iterable[bytes],
) -> "collections.Counter[str]":
    """Sums the times of executed operations by their kind."""
    # Not public, but what TensorFlow itself writes the trace with.
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    seconds: collections.Counter[str] = collections.Counter()
    for trace in traces:
        space = xplane_pb2.XSpace.FromString(trace)
        for plane in space.planes:
            if not plane.name.startswith("/host:CPU"):
                continue
            for line in plane.lines:
                for event in line.events:
                    # "name:Kind" is an operation, "A::b" a function of the
                    # runtime around some, what has no colon another span.
                    name = plane.event_metadata[event.metadata_id].name
                    parts = name.split(":")
                    if len(parts) == 2 and parts[1].isidentifier():
                        seconds[parts[1]] += event.duration_ps / 1e12
    return seconds


def _training_data(
    recipe: config.Recipe, splits: example_set.Splits
) -> tf.data.Dataset:
    return datasets.make_training_dataset(
        splits.train, batch_size=recipe.data.batch_size
    )


def _bare_step(recipe: config.Recipe, splits: example_set.Splits) -> Any:
    """Returns a compiled training step of a network like the recipe's."""
    network = model_builder.build_network(recipe, splits)
    optimizer = optimizer_builder.make_optimizer(recipe.train, num_replicas=1)
    optimizer.build(network.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function(reduce_retracing=True)
    def step(x: Any, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            losses = [loss_of(y, each) for each in logits.values()]
            loss = tf.add_n(losses) / len(losses)
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients)
        return loss

    return step


def _run_bare(step: Any, dataset: tf.data.Dataset) -> int:
    """Runs one epoch to its end; returns the number of its steps."""
    count, loss = 0, None
    for batch in dataset:
        loss = step(*batch[:2])
        count += 1
    if loss is not None:
        loss.numpy()  # waits for the last step
    return count


class _Clock(keras.callbacks.Callback):
    """Sums the seconds of training steps and of validation.

    Attributes:
        began: When training began, by `time.perf_counter`.
        training: Seconds of training steps.
        validation: Seconds of validation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.began = 0.0
        self.training = 0.0
        self.validation = 0.0
        self._first: float | None = None
        self._last = 0.0
        self._test_began = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._first = None

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self._first is None:
            self._first = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._last = time.perf_counter()

    def on_test_begin(self, logs: Any = None) -> None:
        self._test_began = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:
        self.validation += time.perf_counter() - self._test_began

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._first is not None:
            self.training += self._last - self._first
