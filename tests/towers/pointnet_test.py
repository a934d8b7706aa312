"""PointNet: contract, order of points, alignment, size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from gblend_keras.towers import pointnet
from tests.towers import contracts

SMALL = {
    "aligned": lambda: pointnet.build_pointnet((7, 3), num_features=16),
    "colors": lambda: pointnet.build_pointnet((1, 6)),
    "plain": lambda: pointnet.build_pointnet((5, 3), align=False),
}


@pytest.mark.parametrize("name", SMALL)
def test_tower_keeps_the_contract(name, tmp_path):
    keras.utils.set_random_seed(1)
    contracts.check_tower(SMALL[name], tmp_path)


def test_order_of_points_does_not_matter():
    tower = pointnet.build_pointnet((9, 3), num_features=16)
    x = contracts.example(tower, 2)
    np.testing.assert_allclose(tower(x), tower(x[:, ::-1]), atol=1e-5)


def test_pointnet_aligns_by_the_identity_at_first():
    aligned = pointnet.build_pointnet((9, 3), num_features=16)
    plain = pointnet.build_pointnet((9, 3), num_features=16, align=False)
    for layer in plain.layers:
        layer.set_weights(aligned.get_layer(layer.name).get_weights())
    x = contracts.example(aligned, 2)
    np.testing.assert_allclose(aligned(x), plain(x), atol=1e-5)


def test_orthogonality_by_hand():
    # A = I + [[1, 0], [0, 0]] = diag(2, 1): I - A A^T = diag(-3, 0), squared 9;
    # the second matrix is the identity itself: 0. Mean 4.5, times 0.1.
    change = np.zeros((2, 2, 2), "float32")
    change[0, 0, 0] = 1.0
    penalty = pointnet.Orthogonality(0.1)(tf.constant(change))
    np.testing.assert_allclose(penalty, 0.45, rtol=1e-6)


def test_pointnet_has_the_published_size():
    # Qi et al., Table 6: 3.5 M with the classifier 1024 - 512 - 256 - 40, and
    # 0.8 M without the alignments.
    head = 1024 * 512 + 512 * 256 + 256 * 40
    for align, millions in ((True, 3.5), (False, 0.8)):
        tower = pointnet.build_pointnet((1024, 3), align=align)
        count = (tower.count_params() + head) / 1e6
        assert round(count, 1) == millions


def test_points_without_coordinates_are_refused():
    with pytest.raises(ValueError, match="coordinates first"):
        pointnet.build_pointnet((8, 2))
