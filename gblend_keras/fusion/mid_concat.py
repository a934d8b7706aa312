"""Mid-level fusion by concatenation: maps side by side, then one tower."""

from typing import Any

import keras
import numpy as np
from keras import ops

from gblend_keras.fusion import _cuts
from gblend_keras.fusion import _parts
from gblend_keras.towers import stages


@keras.saving.register_keras_serializable(package="gblend_keras")
class MatchMap(keras.layers.Layer):
    """Brings a map to other sizes, so that maps can be concatenated.

    Axes are matched in order, and the first inner axis is time: a spectrogram
    (frames, bins) meets a clip (frames, height, width) frame by frame. A map
    with as many axes as `sizes` is matched axis by axis. Of a map with other
    axes only time is matched; the rest is averaged away, and each frame's
    vector is tiled over the axes that it lacks.

    An axis of n positions becomes one of m by means over `ceil(n / m)` or so
    neighbours (adaptive pooling), which repeats positions where m > n.

    Source: Owens & Efros, ECCV 2018, section 3, who match the rates in time
    and tile the audio over space.

    Args:
        sizes: Sizes of the inner axes that come out, time first.
        **kwargs: `name`, `dtype`, as for every layer.
    """

    def __init__(self, sizes: tuple[int, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = tuple(sizes)

    def call(self, inputs: Any) -> Any:
        x = inputs
        inner = len(x.shape) - 2
        if inner != len(self.sizes):
            if inner == 0:
                x = ops.expand_dims(x, 1)  # a vector is one frame
            elif inner > 1:
                x = ops.mean(x, axis=tuple(range(2, inner + 1)))
            for _ in self.sizes[1:]:
                x = ops.expand_dims(x, 2)
        for axis, size in enumerate(self.sizes, start=1):
            x = _resized(x, axis, size)
        return x

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (input_shape[0], *self.sizes, input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sizes": self.sizes}


def build_mid_concat(
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    *,
    stage: _cuts.Stage = None,
    base: str | None = None,
) -> _parts.Fused:
    """Builds a joint tower on the concatenated maps of all towers.

    The maps of one stage, brought to the sizes of the base modality's map,
    are concatenated channel by channel. What follows that stage in the base
    tower follows here too, with weights of its own, and ends in the joint
    head. The modality heads read their whole towers, so that they stay
    independent of each other; they share only the lower stages with `joint`.

    Source: Wang, Tran & Feiszli, CVPR 2020, section 3.3 and Fig. 1, after
    Owens & Efros, ECCV 2018.
    Ours: the paper tells neither stage nor matching. The shared stages take
    the place of the joint head's hidden layers: there are none unless
    `hidden_units` asks for two.

    Args:
        calls: Towers that name their stages, and their inputs; two at least.
        joint: Settings of the joint head.
        stage: Where the maps are taken: one stage for all, or
            `{modality: stage}`. None: the last but one of each tower.
        base: The modality whose sizes and later stages are used; None for
            the first. The one with the most axes is a good choice.

    Returns:
        The towers' own features and the joint tower's.

    Raises:
        ValueError: If a tower cannot be cut there, or the base tower's later
            stages do not take the concatenated map.
    """
    _parts.check_several(calls, "mid_concat")
    chosen = next(iter(calls.towers)) if base is None else base
    _parts.check_modality("base", chosen, calls)
    opened = _cuts.cut_towers(calls, stage)
    for cut in opened.values():
        _cuts.check_sizes(cut)
    features = {name: cut.resume(cut.map) for name, cut in opened.items()}

    sizes = opened[chosen].map.shape[1:-1]
    maps = [
        cut.map
        if cut.map.shape[1:-1] == sizes
        else MatchMap(sizes, name=f"joint_matched_{name}")(cut.map)
        for name, cut in opened.items()
    ]
    x = _parts.concatenated(maps, name="joint_concat")
    upper = stages.upper_like(
        opened[chosen].tower,
        opened[chosen].stage,
        x.shape[1:],
        name="joint_tower",
    )
    return _parts.Fused(
        features, upper(x), num_hidden=2 if joint.hidden_units else 0
    )


def _resized(x: Any, axis: int, size: int) -> Any:
    """Returns `x` with `size` positions on one axis."""
    length = x.shape[axis]
    if length == size:
        return x
    if length == 1:
        return ops.repeat(x, size, axis=axis)
    means = np.zeros((length, size), np.float32)  # over neighbors
    for index in range(size):
        first = index * length // size
        last = -(-(index + 1) * length // size)
        means[first:last, index] = 1 / (last - first)
    x = ops.moveaxis(x, axis, -1)
    return ops.moveaxis(ops.matmul(x, ops.cast(means, x.dtype)), -1, axis)
