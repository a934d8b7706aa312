"""A dataset of global batches -> what each replica of many workers gets."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from gblend_keras.data import batches as data_batches
from gblend_keras.distribution import workers as cluster


def share_out(
    dataset: Any,
    strategy: tf.distribute.Strategy,
    class_weight: Mapping[int, float] | None = None,
) -> Any:
    """Gives each replica its slice of every global batch.

    The slices of a batch differ by one example at most and hold each example
    once, whatever the batch's size; a slice may be empty. All workers take
    the same number of steps, for each of them sees every batch.

    Ours: TensorFlow's own sharding gives each worker other elements of the
    dataset. Which examples meet in a step would then depend on the number of
    workers, and the workers would run out of data at different steps.

    Args:
        dataset: A `tf.data.Dataset` of batches that gives the same batches on
            every worker. Other objects are returned as they are.
        strategy: What trains.
        class_weight: `{class: weight}`, multiplied into sample weights.

    Returns:
        A `tf.distribute.DistributedDataset` under a multi-worker strategy;
        otherwise `dataset`, for Keras divides it well.
    """
    if not cluster.is_multi_worker(strategy) or not isinstance(
        dataset, tf.data.Dataset
    ):
        return dataset

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        num_slices = context.num_replicas_in_sync
        # Keras puts predictions together in this order: the first replica of
        # each worker, the second of each, and so on.
        own = range(
            context.input_pipeline_id, num_slices, context.num_input_pipelines
        )
        parts = data_batches.cut_into_slices(
            dataset, lambda batches: slices(batches, own, num_slices)
        )
        return with_class_weight(parts, class_weight).prefetch(2 * len(own))

    return strategy.distribute_datasets_from_function(of_worker)


def distributed(
    dataset: tf.data.Dataset,
    strategy: tf.distribute.Strategy,
    class_weight: Mapping[int, float] | None = None,
) -> Any:
    """Returns a dataset shared out under any strategy, to iterate over."""
    if cluster.is_multi_worker(strategy):
        return share_out(dataset, strategy, class_weight)
    weighted = with_class_weight(dataset, class_weight)
    return strategy.experimental_distribute_dataset(weighted)


def slice_number(strategy: tf.distribute.Strategy) -> tf.Tensor:
    """Returns which slice of the global batch this replica has.

    To be called in a replica's step.
    """
    context = tf.distribute.get_replica_context()
    workers = cluster.num_workers(strategy)
    each = context.num_replicas_in_sync // workers
    number = context.replica_id_in_sync_group
    return (number % each) * workers + number // each


def slices(
    dataset: tf.data.Dataset, own: range, num_slices: int
) -> tf.data.Dataset:
    """Cuts each batch and gives some of the slices, one after another.

    Args:
        dataset: Global batches.
        own: Numbers of the slices that are wanted.
        num_slices: How many slices a batch has.
    """

    def cut(*batch: Any) -> tf.data.Dataset:
        size = tf.shape(tf.nest.flatten(batch)[0], out_type=tf.int64)[0]
        fixed = _fixed_size(dataset.element_spec, num_slices)

        def one(number: tf.Tensor) -> Any:
            begin = size * number // num_slices
            end = size * (number + 1) // num_slices
            values = tf.nest.map_structure(
                lambda value: _with_size(value[begin:end], fixed), batch
            )
            return values if len(batch) > 1 else values[0]

        return tf.data.Dataset.range(own.start, own.stop, own.step).map(one)

    return dataset.flat_map(cut)


def _fixed_size(element_spec: Any, num_slices: int) -> int | None:
    """Returns the size of a slice where it is known beforehand."""
    size = tf.nest.flatten(element_spec)[0].shape[0]
    return size // num_slices if size and size % num_slices == 0 else None


def _with_size(value: tf.Tensor, size: int | None) -> tf.Tensor:
    if size is not None:
        value.set_shape([size, *value.shape[1:]])
    return value


def with_class_weight(
    dataset: tf.data.Dataset, class_weight: Mapping[int, float] | None
) -> tf.data.Dataset:
    """Multiplies class weights into the sample weights of a dataset.

    Keras cannot do this to a dataset that is shared out already.

    Args:
        dataset: Batches of `(x, y)` or `(x, y, sample_weight)`.
        class_weight: `{class: weight}`; classes without one weigh 1.
    """
    if not class_weight:
        return dataset
    num_known = max(class_weight) + 1
    table = tf.constant(
        [class_weight.get(label, 1.0) for label in range(num_known)],
        tf.float32,
    )

    def weighted(x: Any, y: tf.Tensor, *rest: tf.Tensor) -> Any:
        labels = y
        if len(y.shape) > 1:
            labels = tf.argmax(y, -1) if y.shape[-1] > 1 else y[:, 0]
        labels = tf.cast(labels, tf.int64)
        known = tf.gather(table, tf.minimum(labels, num_known - 1))
        weight = tf.where(labels < num_known, known, 1.0)
        if rest:
            weight *= tf.cast(tf.reshape(rest[0], [-1]), tf.float32)
        return x, y, weight

    return dataset.map(weighted, num_parallel_calls=tf.data.AUTOTUNE)
