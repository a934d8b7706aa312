"""How large the towers are, and how long they take."""

import dataclasses
import math
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence

import keras
import tensorflow as tf

from gblend_keras.towers import audio_resnet
from gblend_keras.towers import csn
from gblend_keras.towers import flops
from gblend_keras.towers import pointnet
from gblend_keras.towers import r2plus1d
from gblend_keras.towers import resnet3d
from gblend_keras.towers import transformer

Shape = tuple[int, ...]
_CLIP = (16, 224, 224, 3)  # the paper's ablations
_SMALL_CLIP = (8, 64, 64, 3)
_AUDIO = (100, 40, 1)
_BATCH_SIZE = 2
_LEARNING_RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Case:
    """One tower and its two sizes.

    Attributes:
        build: Gives the tower of an input shape.
        shape: The paper's, for parameters and GFLOPs.
        small_shape: For the seconds.
    """

    build: Callable[[Shape], keras.Model]
    shape: Shape
    small_shape: Shape


@dataclasses.dataclass(frozen=True)
class Row:
    """What was measured of one tower.

    Attributes:
        name: Of the tower.
        shape: Of its input, without the batch axis.
        parameters: Trainable ones.
        giga_multiply_adds: Of one example of `shape`.
        small_shape: Of the input of the two times.
        forward_seconds: One batch of two, in inference.
        step_seconds: One step of SGD on such a batch.
    """

    name: str
    shape: Shape
    parameters: int
    giga_multiply_adds: float
    small_shape: Shape
    forward_seconds: float
    step_seconds: float

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape))
        small = "x".join(map(str, self.small_shape))
        return (
            f"{self.name:14} {shape:>14} {self.parameters / 1e6:8.2f} "
            f"{self.giga_multiply_adds:8.3f} {small:>14} "
            f"{self.forward_seconds:9.3f} {self.step_seconds:7.3f}"
        )


HEADER = (
    f"{'tower':14} {'input':>14} {'params/M':>8} {'GFLOPs':>8} "
    f"{'small input':>14} {'forward/s':>9} {'step/s':>7}"
)


def cases() -> dict[str, Case]:
    """Returns every tower that is measured, by name."""
    found: dict[str, Case] = {}
    for depth in resnet3d.DEPTHS:
        found[f"r3d_{depth}"] = _case(
            resnet3d.build_resnet3d, _CLIP, _SMALL_CLIP, depth=depth
        )
        found[f"r2plus1d_{depth}"] = _case(
            r2plus1d.build_r2plus1d, (16, 112, 112, 3), _SMALL_CLIP, depth=depth
        )
        found[f"audio_{depth}"] = _case(
            audio_resnet.build_audio_resnet, _AUDIO, _AUDIO, depth=depth
        )
    for depth in csn.DEPTHS:
        for mode in csn.MODES:
            found[f"{mode}_csn_{depth}"] = _case(
                csn.build_csn,
                (32, 256, 256, 3),  # of the paper's Table 6
                _SMALL_CLIP,
                depth=depth,
                mode=mode,
            )
    found["mc3_18"] = _case(resnet3d.build_mc3, (16, 112, 112, 3), _SMALL_CLIP)
    found["pointnet"] = _case(pointnet.build_pointnet, (1024, 3), (256, 3))
    found["transformer"] = _case(
        transformer.build_transformer, (128, 64), (32, 64)
    )
    return dict(sorted(found.items()))


def rows(names: Sequence[str] = (), *, repeats: int = 3) -> Iterator[Row]:
    """Measures towers one by one.

    Args:
        names: Some of `cases()`; none measures all.
        repeats: How often each time is measured; the best one counts.

    Yields:
        One row a tower, in the order of `names`.

    Raises:
        ValueError: If a name is unknown.
    """
    known = cases()
    for name in names:
        if name not in known:
            raise ValueError(
                "`names` has an unknown tower. Expected some of "
                f"{', '.join(known)}. Received: {name}. Choose from these."
            )
    for name in names or known:
        yield measure(name, known[name], repeats=repeats)
        keras.backend.clear_session()


def measure(name: str, case: Case, *, repeats: int) -> Row:
    """Measures one tower."""
    tower = case.build(case.shape)
    parameters = sum(math.prod(v.shape) for v in tower.trainable_variables)
    gigas = flops.giga_multiply_adds(tower)
    small = case.build(case.small_shape)
    x = tf.random.normal((_BATCH_SIZE, *case.small_shape))
    optimizer = keras.optimizers.SGD(_LEARNING_RATE, momentum=0.9)
    optimizer.build(small.trainable_variables)

    @tf.function
    def forward() -> tf.Tensor:
        return small(x, training=False)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(small(x, training=True)))
        variables = small.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)

    return Row(
        name=name,
        shape=case.shape,
        parameters=parameters,
        giga_multiply_adds=gigas,
        small_shape=case.small_shape,
        forward_seconds=_best_seconds(forward, repeats),
        step_seconds=_best_seconds(step, repeats),
    )


def _case(
    build: Callable[..., keras.Model],
    shape: Shape,
    small_shape: Shape,
    **options: int | str,
) -> Case:
    return Case(
        lambda input_shape: build(input_shape, **options), shape, small_shape
    )


def _best_seconds(run: Callable[[], object], repeats: int) -> float:
    """Returns the shortest time; the first run, which traces, is not timed."""
    run()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        if result is not None:
            tf.convert_to_tensor(result).numpy()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
