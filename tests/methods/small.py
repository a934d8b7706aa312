"""Small jobs that every method can be tried on."""

import keras
import numpy as np
import tensorflow as tf

import gblend_keras as gb
from gblend_keras.blending import rules
from gblend_keras.building import model_builder
from gblend_keras.building import optimizer_builder
from gblend_keras.callbacks import run_checkpoint
from gblend_keras.callbacks.phases import PhaseStarter
from gblend_keras.data.sets import registry
from gblend_keras.methods import base
from tests import toy

EPOCHS = 2


def recipe(folder, settings=()):
    """Makes a recipe whose towers name their stages."""
    x, y = toy.arrays(num_examples=48)
    x = {name: values[..., None] for name, values in x.items()}  # positions
    np.savez(folder / "toy.npz", y=y, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [
            f"data.path={folder / 'toy.npz'}",
            "data.batch_size=12",
            f"train.epochs={EPOCHS}",
            "towers.m0.widths=4,8",
            "towers.m0.dropout=0.2",
            "towers.m1.widths=4,8",
            "blend.first_super_epoch=1",
            "blend.super_epoch=1",
            "blend.holdout_fraction=0.25",
            "blend.offline_fraction=0.25",
            *settings,
        ],
    )


def ready_run(method, given, workdir):
    """Builds what the method trains, from the same seed each time."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(3)
    splits = registry.load(given.data, data_dir=None)
    adapted = method.adapt(given)
    model = model_builder.build_model(adapted, splits, method.new_rule())
    return base.ReadyRun(model, adapted, splits.train, 3, workdir)


def fit(method, work):
    """Trains to the end, from the newest checkpoint."""
    model, settings = work.model, work.recipe.train
    data = method.data(work)
    phases = method.phases(model.head_names, settings.epochs)
    done = run_checkpoint.restore_newest(model, work.workdir / "checkpoint")
    history = model.fit(
        data.dataset,
        initial_epoch=done,
        epochs=sum(phase.epochs for phase in phases),
        verbose=0,
        callbacks=[
            PhaseStarter(phases),
            *data.callbacks,
            optimizer_builder.make_schedule(settings, phases=phases),
            run_checkpoint.RunCheckpoint(work.workdir / "checkpoint"),
        ],
    )
    return history.history, data.report()


def blended(rule, num_modalities=2, *, units=8, **arguments):
    """Builds a compiled model of the toy problem with a rule."""
    towers = {
        f"m{index}": toy.tower(f"m{index}", 6 + index, units=units)
        for index in range(num_modalities)
    }
    network = gb.late_fusion(towers, toy.NUM_CLASSES)
    model = gb.BlendedModel(network, rule=rule)
    model.compile(
        arguments.pop("optimizer", None)
        or keras.optimizers.SGD(0.05, momentum=0.9),
        **arguments,
    )
    return model


def applied(rule, model, x, y):
    """Returns what a rule gives the optimizer in one step, by variable.

    Beside it, the gradients of each head by itself.
    """
    with tf.GradientTape(persistent=True) as tape:
        logits = model(x, training=True)
        shares = [_loss(y, logits[head]) for head in model.head_names]
        weights = tf.unstack(model.loss_scale * model.head_weights.tensor)
        targets = [w * share for w, share in zip(weights, shares, strict=True)]
    step = rules.Step(
        tape=tape,
        heads=model.head_names,
        variables=model.trainable_variables,
        targets=dict(zip(model.head_names, targets, strict=True)),
        penalty=None,
        loss=tf.add_n(targets),
        losses=tf.stack(shares),
        size=tf.constant(len(y)),
        y=tf.constant(y),
        logits=logits,
        seeds=keras.random.SeedGenerator(0),
        learning_rate=tf.constant(0.1),
    )
    alone = dict(zip(model.head_names, step.head_gradients(), strict=True))
    return rule.gradients(model, step), alone


def _loss(y, logits):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
    )
