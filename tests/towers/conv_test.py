"""Plain convolutional towers: shapes, saving, precision, refusals."""

import keras
import numpy as np
import pytest

import gblend_keras as gb

CASES = [
    (gb.build_conv1d, (13, 3), {"widths": (4, 6)}, 6),
    (gb.build_conv2d, (9, 11, 2), {"widths": (4, 6)}, 6),
    (gb.build_conv3d, (5, 7, 9, 1), {"widths": (4, 6)}, 6),
]


@pytest.mark.parametrize(("build", "shape", "arguments", "features"), CASES)
def test_tower_gives_features_saves_and_loads(
    build, shape, arguments, features, tmp_path
):
    tower = build(shape, dropout=0.2, name="my_tower", **arguments)
    x = np.random.default_rng(0).normal(size=(1, *shape)).astype("float32")
    expected = keras.ops.convert_to_numpy(tower(x))
    assert expected.shape == (1, features) and tower.name == "my_tower"
    tower.save(tmp_path / "tower.keras")
    loaded = keras.models.load_model(tmp_path / "tower.keras")
    np.testing.assert_array_equal(
        expected, keras.ops.convert_to_numpy(loaded(x))
    )


@pytest.mark.parametrize(("build", "shape", "arguments", "features"), CASES)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_tower_runs_in_mixed_precision(
    build, shape, arguments, features, policy
):
    keras.config.set_dtype_policy(policy)
    tower = build(shape, **arguments)
    output = tower(np.ones((2, *shape), "float32"))
    assert output.dtype == policy.removeprefix("mixed_")


@pytest.mark.parametrize(
    ("build", "shape", "advice"),
    [
        (gb.build_conv1d, (8,), "Add a channel axis"),
        (gb.build_conv2d, (8, 8), "Add a channel axis"),
        (gb.build_conv3d, (8, 8, 1), "Add a channel axis"),
    ],
)
def test_shape_with_other_axes_is_refused(build, shape, advice):
    with pytest.raises(ValueError, match=advice):
        build(shape)


def test_tower_without_stages_is_refused():
    with pytest.raises(ValueError, match="Expected at least one width"):
        gb.build_conv2d((8, 8, 1), widths=())


def test_clips_of_any_length_fit_one_tower():
    tower = gb.build_conv3d((None, None, None, 1), widths=(4,))
    for shape in ((1, 3, 8, 8, 1), (2, 9, 5, 7, 1)):
        assert tower(np.ones(shape, "float32")).shape == (shape[0], 4)
