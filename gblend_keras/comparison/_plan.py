"""What is compared, and what would go wrong in every run: found before."""

import dataclasses
import json
from typing import Any

from gblend_keras import config
from gblend_keras import methods as catalog
from gblend_keras.comparison import _tuning
from gblend_keras.comparison import statistics
from gblend_keras.data.sets import registry
from gblend_keras.runs import directory
from gblend_keras.training import trainer
from gblend_keras.utils import files

PROTOCOL_FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is compared, and how often.

    Attributes:
        methods: As `--blend` takes them.
        seeds: One run each.
        tune: Tries for each method.
        jobs: Runs at a time.
        test: Name of the paired test.

    Raises:
        ValueError: If one of them does not fit.
    """

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    tune: int
    jobs: int
    test: str

    def __post_init__(self) -> None:
        for name in ("methods", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(
                    f"`{name}` is empty or names one twice. Expected one or "
                    f"several, each once. Received: {name}={list(values)}. "
                    "Leave out the repeated ones."
                )
        config.check_range("tune", self.tune, 0, 1000)
        config.check_range("jobs", self.jobs, 1, 1000)
        config.check_choice("test", self.test, statistics.TESTS)


def check_data(recipe: config.Recipe, run: trainer.Run, plan: Plan) -> None:
    """Raises what every run would raise, before the first of them."""
    if plan.tune and recipe.data.evaluate_on != "test":
        raise ValueError(
            "`tune` needs a split to report that it does not choose on. "
            "Expected data.evaluate_on=test. "
            f"Received: data.evaluate_on={recipe.data.evaluate_on}. "
            "Leave out --tune, or that setting."
        )
    splits = registry.load(recipe.data, data_dir=run.data_dir, seed=run.seed)
    known = [*catalog.names(), *splits.train.shapes]
    unknown = [name for name in plan.methods if name not in known]
    if unknown:
        raise ValueError(
            f"`methods` has unknown names. Expected some of {known}. "
            f"Received: {unknown}. Correct the names."
        )


def check_folder(recipe: config.Recipe, run: trainer.Run, plan: Plan) -> None:
    """Raises unless the folder is new or holds this comparison.

    One of an earlier version is the same when it is after its missing
    settings got their defaults.
    """
    path = run.workdir / "protocol.json"
    protocol: dict[str, Any] = {
        "format": PROTOCOL_FORMAT,
        "recipe": recipe.to_json(),
        "tune": plan.tune,
        "tune_seed": run.seed,
        "strategy": run.strategy,
        "deterministic": run.deterministic,
    }
    if plan.tune:  # an earlier version's tries may have had other values
        protocol["tune"] = _tuning.candidates(
            recipe.train, plan.tune, seed=run.seed
        )
    expected = json.loads(json.dumps(protocol))
    found: dict[str, Any] = {}
    if path.exists():
        stored = files.read_json(
            path,
            dict,
            expected="the protocol of a comparison",
            advice="Choose another folder.",
        )
        found = directory.with_whole_recipe(path, stored)
    different = [
        name for name in expected if found and found.get(name) != expected[name]
    ]
    if different:
        settings = directory.changed_settings(
            found["recipe"], expected["recipe"]
        )
        raise ValueError(
            f"`workdir` holds another comparison: {run.workdir}. Expected the "
            "same recipe and tuning. "
            f"Received: another {' and another '.join(different)}"
            f"{settings}. "
            "Choose another folder, or repeat that comparison's command."
        )
    if not found:
        # Whatever run it holds, it is none of a comparison's.
        directory.check_identity(run.workdir, {})
        files.write_json(path, protocol)
