"""The fully connected tower: shapes, saving, precision, refusals."""

import keras
import numpy as np
import pytest

import gblend_keras as gb


def test_tower_gives_features_saves_and_loads(tmp_path):
    tower = gb.build_mlp((7, 3), widths=(5, 4), dropout=0.2, name="my_tower")
    x = np.random.default_rng(0).normal(size=(1, 7, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(tower(x))
    assert expected.shape == (1, 4) and tower.name == "my_tower"
    tower.save(tmp_path / "tower.keras")
    loaded = keras.models.load_model(tmp_path / "tower.keras")
    np.testing.assert_array_equal(
        expected, keras.ops.convert_to_numpy(loaded(x))
    )


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_tower_runs_in_mixed_precision(policy):
    keras.config.set_dtype_policy(policy)
    tower = gb.build_mlp((7, 3), widths=(5, 4))
    output = tower(np.ones((2, 7, 3), "float32"))
    assert output.dtype == policy.removeprefix("mixed_")


def test_tower_without_layers_is_refused():
    with pytest.raises(ValueError, match="Expected at least one width"):
        gb.build_mlp((8, 8, 1), widths=())
