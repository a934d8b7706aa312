"""Entries measured again, and compared with their cards."""

import dataclasses
from pathlib import Path

from gblend_keras.data.sets import registry
from gblend_keras.evaluation import evaluator
from gblend_keras.evaluation import metrics
from gblend_keras.evaluation import saved_model
from gblend_keras.zoo import catalog
from gblend_keras.zoo import loader


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What came of one entry.

    Attributes:
        name: Of the entry.
        checked: `{answer: (stated, found)}`; empty if nothing was measured.
        tolerance: Largest difference that is allowed.
        reason: Why nothing was measured; "" if something was.
    """

    name: str
    checked: dict[str, tuple[float, float]]
    tolerance: float = 0.0
    reason: str = ""

    @property
    def differs(self) -> list[str]:
        """The answers whose accuracy is not what the card says."""
        return [
            answer
            for answer, (stated, found) in self.checked.items()
            if not abs(stated - found) <= self.tolerance
        ]

    def __str__(self) -> str:
        if self.reason:
            return f"{self.name}: not measured, {self.reason}"
        cells = ", ".join(
            f"{answer} {100 * found:.1f} (card {100 * stated:.1f})"
            + (" DIFFERS" if answer in self.differs else "")
            for answer, (stated, found) in self.checked.items()
        )
        return f"{self.name}: {cells}"


def verify(entry: catalog.Entry, data_dir: Path | None) -> Verdict:
    """Measures a trained entry again, where its data is there.

    Args:
        entry: Any entry; only trained ones have figures of our own.
        data_dir: Folder that holds the sets' folders.

    Raises:
        ValueError: If the entry or the data is damaged.
    """
    if entry.kind != "trained":
        return Verdict(entry.name, {}, reason="its figures are published ones")
    reason = missing_data(entry, data_dir)
    if reason:
        return Verdict(entry.name, {}, reason=reason)
    measured = catalog.metrics(entry)
    found = evaluate_entry(
        entry, data_dir, options=evaluator.Options(subsets=False, batch_size=64)
    )
    return Verdict(
        entry.name,
        {
            answer: (
                stated,
                metrics.label_accuracy(found.probabilities[answer], found.y),
            )
            for answer, stated in measured["accuracy"].items()
        },
        tolerance=float(measured["tolerance"]),
    )


def evaluate_entry(
    entry: catalog.Entry,
    data_dir: Path | None,
    *,
    options: evaluator.Options,
) -> evaluator.Evaluation:
    """Evaluates a trained entry on the split that its card speaks of.

    Raises:
        ValueError: If it is no trained entry, or its data is not there.
    """
    recipe, training = catalog.recipe(entry), catalog.training(entry)
    splits = saved_model.load_splits(
        recipe,
        catalog.metrics(entry)["evaluated_on"],
        data_dir,
        int(training["seed"]),
    )
    found = evaluator.evaluate_model(
        loader.load(entry),
        splits.test,
        class_names=entry.class_names,
        options=options,
    )
    return dataclasses.replace(
        found,
        report={
            **found.report,
            "model": f"zoo:{entry.name}",
            "recipe": recipe.to_json(),
            "seed": int(training["seed"]),
            "split": catalog.metrics(entry)["evaluated_on"],
        },
    )


def missing_data(entry: catalog.Entry, data_dir: Path | None) -> str:
    """Says which data of an entry is not there; "" if all is."""
    data = catalog.recipe(entry).data
    if data.dataset == "digits":
        return ""
    folder = data.path
    if data.dataset in registry.LOADERS:
        folder = data.path or registry.LOADERS[data.dataset][1]
        if data_dir is None:
            return f"its data needs --data_dir with '{folder}'"
    path = Path(data_dir or ".") / folder
    return "" if path.exists() else f"its data '{folder}' is not there"
