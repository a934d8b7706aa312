"""What a method is: the parts of a run that it may change."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

import keras
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.blending import rules
from gblend_keras.blending.model import BlendedModel
from gblend_keras.callbacks.phases import Phase
from gblend_keras.data import datasets
from gblend_keras.data import example_set
from gblend_keras.heads import JOINT


@dataclasses.dataclass(frozen=True)
class ReadyRun:
    """A run that is ready to train: its model built, its data loaded.

    Attributes:
        model: Compiled, untrained.
        recipe: As the method has adapted it.
        train: The training set.
        seed: The run's.
        workdir: The run directory.
        verbose: Whether progress is shown.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> model = gb.building.build_model(recipe, splits)
        >>> job = gb.methods.ReadyRun(
        ...     model, recipe, splits.train, seed=0, workdir=Path("new_run")
        ... )
        >>> gb.methods.get("uniform").data(job).callbacks
        ()
    """

    model: BlendedModel
    recipe: config.Recipe
    train: example_set.ExampleSet
    seed: int
    workdir: Path
    verbose: bool = False

    def groups(self, setting: str) -> npt.NDArray[Any] | None:
        """Returns the groups to hold out whole, or None for examples.

        Args:
            setting: The setting of `recipe.blend` that asks for groups:
                "holdout_by_group" or "offline_by_group".

        Raises:
            ValueError: If it asks for groups and the set has none.
        """
        if not getattr(self.recipe.blend, setting):
            return None
        if self.train.group is None:
            raise ValueError(
                f"`blend.{setting}` needs groups. Expected a set that says "
                "whom each example comes from (a subject, a speaker). "
                f"Received: set '{self.recipe.data.dataset}', which has no "
                "`group`. Give the set one, or hold out single examples: "
                f"--set blend.{setting}=false."
            )
        return self.train.group


def nothing() -> dict[str, Any]:
    """Reports nothing."""
    return {}


class TrainingData(NamedTuple):
    """What a run trains on.

    Attributes:
        dataset: What `fit` takes.
        callbacks: The method's own.
        report: Called after training: what `summary.json` says of the method.

    Example:
        >>> import numpy as np
        >>> import gblend_keras as gb
        >>> x = {"sound": np.zeros((40, 20)), "pose": np.zeros((40, 6))}
        >>> dataset = gb.make_dataset(gb.Examples(x, np.arange(40) % 2))
        >>> data = gb.methods.TrainingData(dataset)
        >>> data.callbacks, data.report()
        ((), {})
    """

    dataset: Any
    callbacks: Sequence[keras.callbacks.Callback] = ()
    report: Callable[[], dict[str, Any]] = nothing


def unchanged(recipe: config.Recipe) -> config.Recipe:
    """Returns the recipe as it is."""
    return recipe


def all_heads(heads: Sequence[str], epochs: int) -> list[Phase]:
    """Trains all heads, on their weighted losses."""
    del heads
    return [Phase(epochs)]


def joint_head(heads: Sequence[str], epochs: int) -> list[Phase]:
    """Trains the joint head alone."""
    del heads
    return [Phase(epochs, (JOINT,))]


def every_head_plainly(heads: Sequence[str], epochs: int) -> list[Phase]:
    """Trains all heads, each on its plain loss."""
    return [Phase(epochs, tuple(heads))]


def all_examples(run: ReadyRun) -> TrainingData:
    """Trains on the whole training set."""
    return TrainingData(
        datasets.make_training_dataset(
            run.train, batch_size=run.recipe.data.batch_size, seed=run.seed
        )
    )


def no_rule() -> rules.Rule | None:
    """Changes nothing in a training step."""
    return None


def joint_with_fusion(name: str) -> "Method":
    """Joint training with another fusion; its settings stay the recipe's.

    Args:
        name: One of `config.FUSIONS`.
    """

    def adapt(recipe: config.Recipe) -> config.Recipe:
        if recipe.fusion.name == name:
            return recipe
        return with_fusion(recipe, name)

    return Method(adapt=adapt, phases=joint_head)


def with_fusion(recipe: config.Recipe, name: str) -> config.Recipe:
    """Returns the recipe with a fusion, and its default settings."""
    return dataclasses.replace(recipe, fusion=config.FusionConfig(name=name))


@dataclasses.dataclass(frozen=True)
class Method:
    """How a network is trained. Every part has a plain default.

    Attributes:
        adapt: Changes the recipe before the network is built.
        phases: `(heads, epochs) -> phases`, the epochs of the recipe: which
            heads are trained when. All heads if nothing is said.
        data: What is trained on, and with which callbacks.
        new_rule: Makes what changes a training step, for one model.

    Example:
        >>> import gblend_keras as gb
        >>> plain = gb.methods.Method()  # every head, on its weighted loss
        >>> plain.phases(("rgb", "audio", "joint"), 10)
        [Phase(epochs=10, heads=None)]
    """

    adapt: Callable[[config.Recipe], config.Recipe] = unchanged
    phases: Callable[[Sequence[str], int], list[Phase]] = all_heads
    data: Callable[[ReadyRun], TrainingData] = all_examples
    new_rule: Callable[[], rules.Rule | None] = no_rule
