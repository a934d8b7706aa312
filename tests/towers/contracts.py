"""What every tower must do. `check_tower` runs all of it on one tower."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

Build = Callable[[], keras.Model]


def example(tower: keras.Model, num_examples: int, seed: int = 0) -> np.ndarray:
    """Returns random inputs that fit a tower."""
    rng = np.random.default_rng(seed)
    template = tower.inputs[0]
    shape = (num_examples, *template.shape[1:])
    if "int" in template.dtype:
        return rng.integers(1, 5, shape).astype(template.dtype)
    return rng.normal(size=shape).astype("float32")


def check_tower(build: Build, folder: Path) -> None:
    """Raises unless the tower keeps the whole contract."""
    tower = build()
    check_shapes(tower)
    check_paths(tower)
    check_examples_do_not_mix(tower)
    check_compiled(tower)
    check_training_step(tower)
    check_config(tower)
    check_saving(tower, folder)
    check_mixed_precision(build)


def check_shapes(tower: keras.Model) -> None:
    """One input, one finite float32 vector an example."""
    assert len(tower.inputs) == len(tower.outputs) == 1
    (features,) = tower.outputs[0].shape[1:]
    for num_examples in (1, 3):
        y = tower(example(tower, num_examples))
        assert y.shape == (num_examples, features)
        assert y.dtype == "float32"
        assert np.isfinite(y).all()


def check_paths(tower: keras.Model) -> None:
    """Every weight path is unique and begins with the tower's name."""
    paths = [variable.path for variable in tower.variables]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith(f"{tower.name}/") for path in paths), paths[:3]


def check_examples_do_not_mix(tower: keras.Model) -> None:
    """In inference an example's features do not depend on its neighbours."""
    x = example(tower, 3)
    np.testing.assert_allclose(tower(x)[:1], tower(x[:1]), rtol=1e-4, atol=1e-4)


def check_compiled(tower: keras.Model) -> None:
    """Compiled, as `fit` and `predict` run it, it gives the same features.

    TensorFlow rewrites compiled graphs, and has rewritten some to wrong ones.
    """
    x = tf.convert_to_tensor(example(tower, 2))
    compiled = tf.function(lambda x: tower(x, training=False))
    np.testing.assert_allclose(compiled(x), tower(x), rtol=1e-4, atol=1e-4)


def check_training_step(tower: keras.Model) -> None:
    """A compiled step on one example gives every variable a finite gradient."""
    x = tf.convert_to_tensor(example(tower, 1))

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tower(x, training=True) - 1.0))
            loss += sum(tower.losses, 0.0)
        return loss, tape.gradient(loss, tower.trainable_variables)

    loss, gradients = step(x)
    assert np.isfinite(loss)
    for variable, gradient in zip(
        tower.trainable_variables, gradients, strict=True
    ):
        assert gradient is not None, variable.path
        assert np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.path


def check_config(tower: keras.Model) -> None:
    """The configuration builds the same graph again."""
    again = type(tower).from_config(tower.get_config())
    again.set_weights(tower.get_weights())
    x = example(tower, 2)
    np.testing.assert_allclose(again(x), tower(x), rtol=1e-5, atol=1e-6)


def check_saving(tower: keras.Model, folder: Path) -> None:
    """A saved tower gives the same features after loading."""
    tower.save(folder / "tower.keras")
    again = keras.saving.load_model(folder / "tower.keras")
    x = example(tower, 2)
    np.testing.assert_allclose(again(x), tower(x), rtol=1e-5, atol=1e-6)


def check_mixed_precision(build: Build) -> None:
    """Under mixed precision it computes in float16 and keeps float32."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        tower = build()
    finally:
        keras.config.set_dtype_policy(policy)
    y = tower(example(tower, 2))
    assert np.isfinite(y).all()
    assert {v.dtype for v in tower.trainable_variables} <= {"float32"}
