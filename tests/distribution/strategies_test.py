"""Names of strategies, TF_CONFIG, and what a TPU needs of a step."""

import json

import pytest
import tensorflow as tf

from gblend_keras.distribution import strategies
from gblend_keras.distribution import workers
from tests import toy

# Operations that call back into Python or the host.
HOST_CALLS = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "Print", "PrintV2"}


def test_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="multi_worker"):
        strategies.make_strategy("horovod")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "not json",
        "[]",
        json.dumps({"cluster": {"worker": ["a:1"]}}),
        json.dumps(
            {
                "cluster": {"worker": ["a:1"]},
                "task": {"type": "worker", "index": 1},
            }
        ),
        json.dumps(
            {"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}
        ),
    ],
)
def test_incomplete_tf_config_is_refused(text, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match="one of the scripts in tools/launch"):
        strategies.make_strategy("multi_worker")


def test_missing_tpu_is_said(monkeypatch):
    monkeypatch.delenv("TPU_NAME", raising=False)
    with pytest.raises(ValueError, match="run this on a TPU machine"):
        strategies.make_strategy("tpu")


def test_one_process_is_its_own_chief():
    strategy = strategies.make_strategy("default")
    assert workers.is_chief(strategy)
    assert not workers.is_multi_worker(strategy)
    assert workers.all_true(strategy, True)
    assert not workers.all_true(strategy, False)


def test_failure_of_the_chief_is_raised():
    def fail():
        raise ValueError("no room")

    with pytest.raises(ValueError, match="no room"):
        workers.on_chief(strategies.make_strategy("default"), fail)


def graphs_of(function):
    """The graph of a concrete function and of all that it calls."""
    definition = function.graph.as_graph_def()
    yield definition.node
    for each in definition.library.function:
        yield each.node_def


@pytest.mark.parametrize("name", ["train_step", "test_step", "predict_step"])
def test_step_has_static_shapes_and_calls_no_host(name):
    """All that can be told of a TPU without one."""
    model = toy.model(norm=True, dropout=0.3)
    model.optimizer.build(model.trainable_variables)
    x, y = toy.arrays(num_examples=16)
    spec = tf.nest.map_structure(
        lambda array: tf.TensorSpec(array.shape, array.dtype), (x, y)
    )
    step = tf.function(
        getattr(model, name), autograph=False
    ).get_concrete_function(spec)
    kinds = {node.op for nodes in graphs_of(step) for node in nodes}
    assert "MatMul" in kinds
    assert not kinds & HOST_CALLS
    for operation in step.graph.get_operations():
        for output in operation.outputs:
            assert output.shape.is_fully_defined(), output
