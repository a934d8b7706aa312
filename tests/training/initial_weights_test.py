"""Fine-tuning: which weights are taken, which not, and what is refused."""

import json
import shutil

import keras
import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.fusion.network import tower_models
from gblend_keras.training import _layer_matching
from gblend_keras.training import initial_weights
from gblend_keras.training import trainer
from tests import toy

SETTINGS = [
    "data.batch_size=16",
    "train.epochs=2",
    "towers.m0.kind=mlp",
    "towers.m0.widths=8",
    "towers.m1.kind=mlp",
    "towers.m1.widths=8",
]


def build(num_classes=3, *, widths=(8, 4), seed=0, shift=0.0):
    """A model with named layers and standardisation; every weight random."""
    keras.utils.set_random_seed(seed)
    x, _ = toy.arrays()
    towers = {
        name: gb.build_mlp(
            values.shape[1:],
            widths=widths,
            preprocessing=gb.building.standardization(
                "channel", values + shift
            ),
            name=f"{name}_tower",
        )
        for name, values in x.items()
    }
    model = gb.BlendedModel(gb.late_fusion(towers, num_classes))
    model.compile("sgd")
    for weight in model.network.trainable_variables:
        weight.assign(np.random.default_rng(seed).normal(size=weight.shape))
    return model


def weights(model, modality):
    """Weights of a tower without its standardisation."""
    (tower,) = tower_models(model.network, modality)
    return [
        value
        for layer in tower.layers
        if not isinstance(layer, keras.layers.Normalization)
        for value in layer.get_weights()
    ]


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def part(parts, name):
    (found,) = [each for each in parts if each.name == name]
    return found


def test_towers_are_taken_and_heads_of_other_classes_start_anew():
    source, model = build(5, seed=1), build(3, seed=2)
    joint = model.network.get_layer("joint_head").get_weights()
    parts = gb.initialize(model, source)
    for modality in ("m0", "m1"):
        assert equal(weights(model, modality), weights(source, modality))
    assert equal(model.network.get_layer("joint_head").get_weights(), joint)
    hidden = "joint_hidden_1"
    assert equal(
        model.network.get_layer(hidden).get_weights(),
        source.network.get_layer(hidden).get_weights(),
    )
    assert part(parts, "m0 tower").different == ()
    assert part(parts, "m0 head").taken == ()
    assert "joint_head starts anew" in part(parts, "joint head").different[0]
    text = initial_weights.describe(parts)
    assert "m0 head: no layer taken from blended_model (m0)." in text
    assert "(4, 5)" in text and "(4, 3)" in text


def test_same_classes_take_everything():
    source, model = build(seed=1), build(seed=2)
    parts = gb.initialize(model, source)
    x, _ = toy.arrays()
    for head, values in source.predict(x, verbose=0).items():
        np.testing.assert_allclose(
            model.predict(x, verbose=0)[head], values, atol=1e-6
        )
    assert not any(each.different for each in parts)


def test_standardisation_stays_that_of_the_new_data_unless_asked():
    source, model = build(seed=1), build(seed=2, shift=100.0)
    x, _ = toy.arrays()
    parts = gb.initialize(model, source)
    assert part(parts, "m0 tower").kept == ("standardisation",)
    # The shifted data, in its own unit, looks to the tower as the source's.
    shifted = {name: value + 100 for name, value in x.items()}
    expected = source.predict(x, verbose=0)["joint"]
    np.testing.assert_allclose(
        model.predict(shifted, verbose=0)["joint"], expected, atol=1e-3
    )
    parts = gb.initialize(model, source, take_standardization=True)
    assert "standardisation" in part(parts, "m0 tower").taken
    np.testing.assert_allclose(
        model.predict(x, verbose=0)["joint"], expected, atol=1e-6
    )


def test_towers_come_from_different_models():
    one, other, model = build(seed=1), build(seed=2), build(seed=3)
    joint = model.network.get_layer("joint_hidden_1").get_weights()
    parts = gb.initialize(model, {"m0": one, "m1": other})
    assert equal(weights(model, "m0"), weights(one, "m0"))
    assert equal(weights(model, "m1"), weights(other, "m1"))
    assert equal(model.network.get_layer("joint_hidden_1").get_weights(), joint)
    assert "joint head: starts anew." in initial_weights.describe(parts)


def test_tower_of_another_modality_is_taken_where_shapes_fit():
    source = build(seed=1)
    towers = {
        "left": toy.tower("left", 6),
        "right": gb.build_mlp((6,), widths=(8, 4), name="right_tower"),
    }
    model = gb.BlendedModel(gb.late_fusion(towers, 3))
    parts = gb.initialize(model, {"right": (source, "m0")})
    assert equal(weights(model, "right"), weights(source, "m0"))
    assert part(parts, "right tower").source == "blended_model (m0)"
    assert part(parts, "right head").taken == ("right_head",)
    assert part(parts, "left tower") == _layer_matching.Part("left tower")


def test_layers_that_keras_named_are_taken_in_order(tmp_path):
    source = toy.model(norm=True)
    source.optimizer.build(source.trainable_variables)
    source.save(tmp_path / "model.keras")
    model = toy.model(norm=True)  # its layers have higher numbers
    gb.initialize(model, tmp_path / "model.keras")
    for modality in ("m0", "m1"):
        assert equal(weights(model, modality), weights(source, modality))


def test_names_that_have_moved_on_are_not_trusted():
    def build_named(*names):
        tower = keras.Sequential(
            [
                keras.Input((4,)),
                *(keras.layers.Dense(4, name=n) for n in names),
            ],
            name="m0_tower",
        )
        return gb.BlendedModel(gb.late_fusion({"m0": tower}, 3))

    source, model = build_named("one", "two"), build_named("two", "three")
    gb.initialize(model, source)
    assert equal(weights(model, "m0"), weights(source, "m0"))


def test_entry_of_the_zoo_is_a_source():
    towers = {
        name: gb.zoo.tower("digits_joint", name) for name in ("image", "sound")
    }
    model = gb.BlendedModel(gb.late_fusion(towers, 4))
    source = gb.zoo.load("digits_online")
    assert not equal(weights(model, "sound"), weights(source, "sound"))
    parts = gb.initialize(model, "digits_online")
    assert part(parts, "sound tower").source == "digits_online (sound)"
    for name in towers:
        assert equal(weights(model, name), weights(source, name))


def test_late_fusion_initialises_a_fusion_of_maps():
    def towers():
        return {
            name: gb.build_conv2d(
                (8, 8, 1), widths=(4, 4), name=f"{name}_tower"
            )
            for name in ("a", "b")
        }

    source = gb.BlendedModel(gb.late_fusion(towers(), 3))
    model = gb.BlendedModel(gb.fuse(towers(), 3, fusion="se_gate"))
    gb.initialize(model, source)
    (whole,) = tower_models(source.network, "a")
    lower, upper = tower_models(model.network, "a")
    assert equal(
        [*lower.get_weights(), *upper.get_weights()], whole.get_weights()
    )


def test_part_of_a_tower_that_does_not_fit_is_said():
    source, model = build(seed=1, widths=(8, 5)), build(seed=2)
    parts = gb.initialize(model, source)
    (reason,) = part(parts, "m0 tower").different
    assert "(8, 5)" in reason and "(8, 4)" in reason


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("no/where", "or correct the path."),
        ("digits_onlin", "Did you mean"),
        ("nowhere", "Choose one of them."),
        ({"m5": "nowhere"}, "Correct the names."),
        ({}, "Correct the names."),
    ],
)
def test_wrong_source_is_refused(source, advice):
    with pytest.raises(ValueError, match=advice):
        gb.initialize(toy.model(), source)


def test_source_without_the_modality_is_refused():
    model = toy.model()
    other = gb.BlendedModel(gb.late_fusion({"rgb": toy.tower("rgb", 6)}, 3))
    with pytest.raises(ValueError, match="=MODALITY:SOURCE:ITS_MODALITY"):
        gb.initialize(model, other)
    with pytest.raises(ValueError, match="=MODALITY:SOURCE:ITS_MODALITY"):
        gb.initialize(model, {"m0": other})


def test_tower_of_which_nothing_fits_is_refused_and_nothing_changes():
    source, model = build(seed=1, widths=(9, 9)), build(seed=2)
    before = model.get_weights()
    with pytest.raises(ValueError, match="or leave the tower out"):
        gb.initialize(model, {"m1": source})
    assert equal(before, model.get_weights())


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("runs/a", "runs/a"),
        ("rgb:runs/a", {"rgb": ("runs/a", "rgb")}),
        (
            "rgb:runs/a, depth:b:rgb",
            {"rgb": ("runs/a", "rgb"), "depth": ("b", "rgb")},
        ),
    ],
)
def test_flag_is_read(text, source):
    assert initial_weights.parse(text) == source


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("runs/a,runs/b", "Write rgb:runs/a,audio:runs/b, say."),
        ("rgb:", "Write rgb:runs/a,audio:runs/b, say."),
        (" ", "Write rgb:runs/a,audio:runs/b, say."),
        ("rgb:a,rgb:b", "Remove one."),
    ],
)
def test_wrong_flag_is_refused(text, advice):
    with pytest.raises(ValueError, match=advice):
        initial_weights.parse(text)


@pytest.fixture
def recipe(tmp_path):
    x, y = toy.arrays(num_examples=60)
    np.savez(tmp_path / "toy.npz", y=y, group=np.arange(60) // 6, **x)
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [f"data.path={tmp_path / 'toy.npz'}", *SETTINGS],
    )


def run(recipe, workdir, **changes):
    keras.backend.clear_session(free_memory=False)
    changes = {"verbose": False, "blend": "uniform"} | changes
    return trainer.train(recipe, trainer.Run(workdir=workdir, **changes))


def test_run_starts_from_another_and_freezes_its_towers(recipe, tmp_path):
    run(recipe, tmp_path / "source", blend="modalities")
    frozen = gb.config.with_settings(
        recipe, ["towers.m0.frozen=true", "towers.m1.learning_rate_factor=0.1"]
    )
    source = str(tmp_path / "source")
    workdir = tmp_path / "tuned"
    run(frozen, workdir, init_from=source)
    before = gb.runs.load_model(source)
    after = gb.runs.load_model(workdir)
    assert equal(weights(after, "m0"), weights(before, "m0"))
    assert not equal(weights(after, "m1"), weights(before, "m1"))
    identity = json.loads((workdir / "recipe.json").read_text())
    assert identity["init_from"] == source
    report = json.loads((workdir / "initialised.json").read_text())
    assert report["parts"][0]["name"] == "m0 tower"
    # Another source is another run.
    with pytest.raises(ValueError, match="another init_from"):
        run(frozen, workdir, init_from="")


@pytest.mark.large
def test_stopped_run_goes_on_without_its_source(recipe, tmp_path, monkeypatch):
    source = tmp_path / "source"
    run(recipe, source)
    longer = gb.config.with_settings(
        recipe, ["train.epochs=4", "towers.m0.learning_rate_factor=0.5"]
    )
    arguments = {"init_from": str(source), "deterministic": True}
    run(longer, tmp_path / "whole", **arguments)

    checkpoint = trainer.run_checkpoint.RunCheckpoint
    original = checkpoint.on_epoch_end

    def killed(self, epoch, logs=None):
        original(self, epoch, logs)
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "on_epoch_end", killed)
        with pytest.raises(KeyboardInterrupt):
            run(longer, tmp_path / "halves", **arguments)
    shutil.rmtree(source)
    run(longer, tmp_path / "halves", **arguments)
    whole = gb.runs.load_model(tmp_path / "whole")
    halves = gb.runs.load_model(tmp_path / "halves")
    assert equal(whole.get_weights(), halves.get_weights())


def test_random_weights_are_not_frozen(recipe, tmp_path):
    frozen = gb.config.with_settings(recipe, ["towers.m0.frozen=true"])
    with pytest.raises(ValueError, match="--init_from=m0:RUN_DIR"):
        run(frozen, tmp_path / "run")


def test_frozen_tower_has_no_factor():
    with pytest.raises(ValueError, match="Leave out one of the two."):
        gb.config.TowerConfig(frozen=True, learning_rate_factor=0.1)
