"""A recipe and its data -> a compiled `BlendedModel`."""

import keras
import tensorflow as tf

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.blending.model import BlendedModel
from gblend_keras.building import optimizer_builder
from gblend_keras.building import tower_builder
from gblend_keras.data import example_set
from gblend_keras.fusion import network as networks


def build_model(
    recipe: config.Recipe,
    splits: example_set.Splits,
    rule: rules.Rule | None = None,
) -> BlendedModel:
    """Builds and compiles the model of a recipe for a set of examples.

    The training set's means and deviations become layers of the towers, so
    the saved model takes raw arrays.

    Args:
        recipe: Towers and training settings.
        splits: The data.
        rule: What a method changes in a training step.

    Returns:
        A compiled model; its blend weights are uniform.

    Raises:
        ValueError: If a tower does not fit its modality, or a setting does
            not go with the strategy.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> model = gb.building.build_model(recipe, splits)
        >>> list(model.network.output)
        ['image', 'sound', 'joint']
    """
    earlier = keras.config.dtype_policy()
    keras.config.set_dtype_policy(recipe.train.precision)
    try:
        network = build_network(recipe, splits)
    finally:
        keras.config.set_dtype_policy(earlier)
    model = BlendedModel(
        network, multi_label=splits.train.y.ndim == 2, rule=rule
    )
    model.compile(
        optimizer=optimizer_builder.make_optimizer(
            recipe.train,
            num_replicas=tf.distribute.get_strategy().num_replicas_in_sync,
        ),
        metrics=["accuracy"],
        loss_scale=recipe.train.compiled_scale,
        steps_per_execution=recipe.train.steps_per_execution,
        jit_compile=recipe.train.jit_compile,
        learning_rate_factors={
            name: tower.learning_rate_factor
            for name, tower in recipe.towers.items()
        },
    )
    return model


def build_network(
    recipe: config.Recipe, splits: example_set.Splits
) -> keras.Model:
    """Builds the network of a recipe, under the Keras policy of the moment.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> network = gb.building.build_network(recipe, splits)
        >>> network.output["joint"].shape
        (None, 10)
    """
    unknown = [
        name for name in recipe.towers if name not in splits.train.shapes
    ]
    if unknown:
        raise ValueError(
            "`towers` names modalities that the data lacks. Expected some of "
            f"{list(splits.train.shapes)}. Received: {unknown}. "
            "Correct the names, or `data.modalities`."
        )
    towers = {
        name: tower_builder.build_tower(
            name, recipe.towers.get(name, config.TowerConfig()), splits.train
        )
        for name in splits.train.shapes
    }
    for name, tower in towers.items():
        if recipe.towers.get(name, config.TowerConfig()).frozen:
            tower.trainable = False
    fused = networks.fuse(
        towers,
        len(splits.class_names),
        fusion=recipe.fusion.name,
        hidden_units=recipe.train.hidden_units or None,
        dropout=recipe.train.fusion_dropout,
        **recipe.fusion.options(),
    )
    penalize_kernels(fused, recipe.train.l2)
    return fused


def penalize_kernels(model: keras.Model, l2: float) -> None:
    """Adds `l2 / 2 * |w|**2` of every kernel to the loss.

    Its gradient is `l2 * w`: weight decay as Caffe2 and PyTorch mean it,
    inside the momentum. Biases and batch-norm are left out, as in Caffe2.

    Args:
        model: A built model.
        l2: The factor; 0 for none.

    Example:
        >>> import gblend_keras as gb
        >>> tower = gb.build_mlp((6,))
        >>> gb.building.penalize_kernels(tower, l2=1e-4)
        >>> len(tower.losses)
        1
    """
    if not l2:
        return
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            variable.regularizer = keras.regularizers.L2(l2 / 2)
