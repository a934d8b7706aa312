"""The protocol: every method is tuned, trained and counted alike."""

import dataclasses
import itertools
import time
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gblend_keras import config
from gblend_keras import heads
from gblend_keras import reporting
from gblend_keras.callbacks import metrics_log
from gblend_keras.comparison import _crew
from gblend_keras.comparison import _plan
from gblend_keras.comparison import _results
from gblend_keras.comparison import _tasks
from gblend_keras.comparison import _tuning
from gblend_keras.comparison import statistics
from gblend_keras.comparison import tables
from gblend_keras.runs import directory
from gblend_keras.training import trainer

METHODS = ("modalities", "joint", "uniform", "probe")


def compare(
    recipe: config.Recipe,
    run: trainer.Run,
    *,
    methods: Sequence[str] = METHODS,
    seeds: Iterable[int] = range(5),
    tune: int = 0,
    jobs: int = 1,
    test: str = "t",
) -> dict[str, Any]:
    """Trains every method with every seed, and writes tables of the results.

    Same splits, same initial weights for a seed, and the same number of tries
    of learning rate and weight decay for every method, chosen on a validation
    split of the training set. Runs that fail are shown as failed and stop no
    other. Finished runs are reused, so an interrupted comparison goes on, and
    methods and seeds can be added. docs/comparing.md has the whole protocol.

    Args:
        recipe: What is trained.
        run: Where to: the runs get `METHOD/seed-SEED` and `METHOD/try-TRY`
            below. Its seed is that of the tries; its blend is not used.
        methods: As `--blend` takes them.
        seeds: One run each.
        tune: Tries for each method; the first has the recipe's own values.
            0: the recipe's values, and no validation run.
        jobs: How many runs at a time, each in a process of its own.
        test: "t" or "wilcoxon", see `statistics.paired_difference`.

    Returns:
        What `comparison.json` holds: see `_results.collect`.

    Raises:
        ValueError: If an argument does not fit, the data cannot be loaded, or
            the folder holds another comparison.
        ImportError: If SciPy is missing.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> run = gb.training.Run(Path("comparisons/digits"))
        >>> found = gb.comparison.compare(  # doctest: +SKIP
        ...     recipe, run, methods=("joint", "online"), seeds=range(3)
        ... )
        >>> print(gb.comparison.text_table(found))  # doctest: +SKIP
        >>> gb.comparison.METHODS
        ('modalities', 'joint', 'uniform', 'probe')
    """
    # TensorFlow takes the functions of many models for one traced too often.
    tf.get_logger().setLevel("ERROR")
    plan = _plan.Plan(tuple(methods), tuple(seeds), tune, jobs, test)
    statistics.check_installed()
    _plan.check_data(recipe, run, plan)
    with directory.claimed(run.workdir):
        _plan.check_folder(recipe, run, plan)
        started = time.monotonic()
        candidates = _tuning.candidates(recipe.train, plan.tune, seed=run.seed)
        with _crew.Crew(plan.jobs) as crew:
            bench = _Bench(crew, verbose=run.verbose)
            choices = _tune(recipe, run, plan, bench, candidates)
            finished = bench.do(_final_tasks(recipe, run, plan, choices))
        comparison = _results.collect(
            _results.Results(
                recipe=recipe,
                workdir=run.workdir,
                test=plan.test,
                candidates=candidates,
                choices=choices,
                finished=finished,
                tries=bench.tries,
                cost={"jobs": plan.jobs}
                | bench.cost(time.monotonic() - started),
            )
        )
        tables.write(run.workdir, comparison)
        reporting.write_report(run.workdir)
        return comparison


class _Bench:
    """Does tasks, says how far they are, and adds up what they cost."""

    def __init__(self, crew: _crew.Crew, *, verbose: bool) -> None:
        self._crew = crew
        self._verbose = verbose
        self._used: list[_tasks.Outcome] = []
        self.tries: _results.Outcomes = {}

    def do(self, todo: Mapping[_results.Key, _tasks.Task]) -> _results.Outcomes:
        """Does all tasks that no earlier call has done."""
        found = {
            key: earlier
            for key, task in todo.items()
            if (earlier := _tasks.earlier_outcome(task)) is not None
        }
        left = {
            task.label: key for key, task in todo.items() if key not in found
        }
        if found and self._verbose:
            print(f"{len(found)} runs were done before.", flush=True)
        counter = itertools.count(len(found) + 1)
        for outcome in self._crew.outcomes(
            [todo[key] for key in left.values()]
        ):
            found[left[outcome.label]] = outcome
            self._used.append(outcome)
            if self._verbose:
                place = f"[{next(counter)}/{len(todo)}]"
                print(place, tables.outcome_line(outcome), flush=True)
        return {key: found[key] for key in todo}

    def cost(self, wall_seconds: float) -> dict[str, Any]:
        """Returns what this call took, and what of it was training."""
        trained = [each for each in self._used if each.summary is not None]
        return {
            "new_runs": len(self._used),
            "wall_seconds": wall_seconds,
            "seconds_inside_runs": sum(each.seconds for each in self._used),
            "training_seconds": sum(
                each.summary["seconds"] for each in trained if each.summary
            ),
        }


def _tune(
    recipe: config.Recipe,
    run: trainer.Run,
    plan: _plan.Plan,
    bench: _Bench,
    candidates: Sequence[_tuning.Candidate],
) -> dict[str, _tuning.Choice | None]:
    """Returns each method's choice; None where every try failed."""
    if not plan.tune:
        return {}
    todo = {
        (method, index): _tasks.Task(
            label=f"{method}, try {index}",
            recipe=_tuning.with_candidate(
                _tuning.on_validation(recipe), candidate
            ),
            run=dataclasses.replace(
                run,
                workdir=run.workdir / method / f"try-{index:02d}",
                blend=method,
            ),
        )
        for index, candidate in enumerate(candidates)
        for method in plan.methods
    }
    bench.tries = bench.do(todo)
    return {
        method: _tuning.choose(
            {
                index: (
                    candidates[index],
                    *_validated(todo[method, index], outcome.summary),
                )
                for (name, index), outcome in bench.tries.items()
                if name == method and outcome.summary is not None
            }
        )
        for method in plan.methods
    }


def _validated(
    task: _tasks.Task, summary: dict[str, Any]
) -> tuple[float, dict[str, int]]:
    """Returns a try's accuracy, and the best epoch of each answer."""
    rows = metrics_log.read_metrics(task.run.workdir / directory.METRICS)
    answers = heads.answers_of(summary)
    epochs = {}
    for answer in heads.reported_answers(answers):
        column = directory.accuracy_column(rows, answer)
        epoch = _tuning.best_epoch(rows, column)
        if epoch is not None:
            epochs[answer] = epoch
    return summary["accuracy"][heads.main_answer(answers)], epochs


def _final_tasks(
    recipe: config.Recipe,
    run: trainer.Run,
    plan: _plan.Plan,
    choices: Mapping[str, _tuning.Choice | None],
) -> dict[_results.Key, _tasks.Task]:
    """Returns the runs that are reported, seed by seed."""
    todo = {}
    for seed in plan.seeds:
        for method in plan.methods:
            chosen = choices.get(method)
            if choices and chosen is None:
                continue  # every try failed
            todo[method, seed] = _tasks.Task(
                label=f"{method}, seed {seed}",
                recipe=(
                    _tuning.with_candidate(recipe, chosen.candidate)
                    if chosen
                    else recipe
                ),
                run=dataclasses.replace(
                    run,
                    workdir=run.workdir / method / f"seed-{seed}",
                    seed=seed,
                    blend=method,
                ),
            )
    return todo
