"""Point-cloud tower: PointNet."""

from typing import Any

import keras
from keras import layers
from keras import ops

NORM_MOMENTUM = 0.9
POINT_FILTERS_LOW = (64, 64)
POINT_FILTERS_HIGH = (64, 128)
ALIGNMENT_FILTERS = (64, 128)
ALIGNMENT_UNITS = (512, 256)


@keras.saving.register_keras_serializable(package="gblend_keras")
class Orthogonality(keras.regularizers.Regularizer):
    """Penalises matrices `A` by `factor * |I - A A^T|^2`, mean over the batch.

    An orthogonal matrix only turns the features and loses none of them. It is
    called on `A - I`, which is what the network predicts.

    Source: Qi et al., CVPR 2017, Eq. 2.

    Args:
        factor: >= 0; the paper uses 0.001.
    """

    def __init__(self, factor: float = 1e-3) -> None:
        self.factor = factor

    def __call__(self, x: Any) -> Any:
        x = ops.cast(x, "float32") + ops.eye(x.shape[-1])
        product = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
        distance = ops.square(product - ops.eye(x.shape[-1]))
        # The mean: Keras does not divide what a regulariser returns.
        return self.factor * ops.mean(ops.sum(distance, axis=(1, 2)))

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}


def build_pointnet(
    input_shape: tuple[int | None, int] = (1024, 3),
    *,
    num_features: int = 1024,
    align: bool = True,
    orthogonality: float = 1e-3,
    name: str = "points_tower",
) -> keras.Model:
    """Builds PointNet: a set of points in, one feature vector out.

    The order of the points does not matter: the same small network sees each,
    and a maximum over the points follows. It names the stages `low` (one
    feature vector a point, 64 wide) and `high` (`num_features` wide).

    Source: Qi et al., CVPR 2017, Figure 2. (The G-Blend paper names RGB and
    point clouds in its outlook.)

    Args:
        input_shape: `(points, values)`: three coordinates, scaled to the unit
            ball, perhaps with colours or normals after them. Points may be
            None.
        num_features: Width of the feature vector.
        align: Turn points and features by matrices that the network predicts.
            Only the three coordinates are turned.
        orthogonality: How strongly the feature matrix is held orthogonal.
        name: Model name, and the prefix of its weight paths.

    Returns:
        A functional model `(batch, points, values) -> (batch, num_features)`.

    Raises:
        ValueError: If a point has fewer than 3 values.

    Example:
        >>> import gblend_keras as gb
        >>> gb.build_pointnet((64, 3), name="tower").output_shape
        (None, 1024)
    """
    if len(input_shape) != 2 or input_shape[1] is None or input_shape[1] < 3:
        raise ValueError(
            "`input_shape` does not fit. Expected (points, values) with at "
            f"least 3 values. Received: input_shape={tuple(input_shape)}. "
            "Leave the batch axis out, and put the coordinates first."
        )
    with keras.name_scope(name):
        inputs = keras.Input(input_shape, name="points")
        x = _align_points(inputs) if align else inputs
        x = _shared(x, POINT_FILTERS_LOW, name="low")
        if align:
            matrix = _matrix(
                x, 64, name="low_alignment", orthogonality=orthogonality
            )
            x = _turned(x, matrix, name="low_aligned")
        x = layers.Identity(name="low_output")(x)
        x = _shared(x, (*POINT_FILTERS_HIGH, num_features), name="high")
        x = layers.Identity(name="high_output")(x)
        outputs = layers.GlobalMaxPooling1D(name="pool")(x)
        return keras.Model(inputs, outputs, name=name)


def _align_points(points: Any) -> Any:
    """Turns the coordinates of each cloud; other values stay as they are."""
    matrix = _matrix(points, 3, name="point_alignment", orthogonality=0.0)
    if points.shape[-1] == 3:
        return _turned(points, matrix, name="points_aligned")
    turned = _turned(points[..., :3], matrix, name="points_aligned")
    return layers.Concatenate(name="points_and_values")(
        [turned, points[..., 3:]]
    )


def _turned(x: Any, matrix: Any, *, name: str) -> Any:
    """Returns `x (I + matrix)`."""
    change = layers.Dot(axes=(2, 1), name=f"{name}_change")([x, matrix])
    return layers.Add(name=name)([x, change])


def _shared(x: Any, filters: tuple[int, ...], *, name: str) -> Any:
    """Returns the points after dense layers that all of them share."""
    for index, width in enumerate(filters):
        x = layers.Conv1D(
            width, 1, use_bias=False, name=f"{name}_conv_{index}"
        )(x)
        x = _norm_relu(x, name=f"{name}_conv_{index}")
    return x


def _norm_relu(x: Any, *, name: str) -> Any:
    x = layers.BatchNormalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(
        x
    )
    return layers.ReLU(name=f"{name}_relu")(x)


def _matrix(x: Any, size: int, *, name: str, orthogonality: float) -> Any:
    """Returns one `(size, size)` change of the identity a cloud, 0 at first."""
    x = _shared(x, (*ALIGNMENT_FILTERS, 1024), name=name)
    x = layers.GlobalMaxPooling1D(name=f"{name}_pool")(x)
    for index, units in enumerate(ALIGNMENT_UNITS):
        x = layers.Dense(units, use_bias=False, name=f"{name}_dense_{index}")(x)
        x = _norm_relu(x, name=f"{name}_dense_{index}")
    x = layers.Dense(
        size * size,
        kernel_initializer="zeros",
        name=f"{name}_matrix",
    )(x)
    return layers.Reshape(
        (size, size),
        activity_regularizer=(
            Orthogonality(orthogonality) if orthogonality else None
        ),
        name=f"{name}_square",
    )(x)
