"""What must be known to read a table: below it, in sentences."""

import math
from collections.abc import Mapping
from typing import Any

TEST_NAMES = {"t": "paired t-test", "wilcoxon": "Wilcoxon signed-rank test"}
REASON = 300  # characters of a failure's message below a table


def sentences(comparison: Mapping[str, Any]) -> list[str]:
    """Returns what must be known to read the table, a sentence or two each."""
    return [
        *_note_on_accuracy(comparison),
        *_notes_on_tests(comparison),
        *_notes_on_tuning(comparison),
        *[
            f"FAILED: {each['method']}, {each['run']}: {each['error']}: "
            f"{shortened(each['reason'])}"
            for each in comparison["failures"]
        ],
    ]


def shortened(reason: str) -> str:
    """Returns a message as one line; TensorFlow's have many."""
    text = " ".join(reason.split())
    return text if len(text) <= REASON else f"{text[: REASON - 3]}..."


def _note_on_accuracy(comparison: Mapping[str, Any]) -> list[str]:
    split, size = comparison["evaluated_on"], comparison["num_evaluated"]
    means = [row["mean"] for row in comparison["rows"] if row["num_runs"]]
    if not means:
        return ["No run has finished."]
    middle = sorted(means)[len(means) // 2]
    error = 100 * math.sqrt(middle * (1 - middle) / size)
    seeds = len(comparison["seeds"])
    over = (
        f"mean and standard deviation over {seeds} seeds"
        if seeds > 1
        else "one seed"
    )
    return [
        f"Accuracy on {split} ({size} examples), last epoch, {over}. "
        f"{size} examples leave a standard error of about {error:.1f} points, "
        "which the spread over seeds does not contain."
    ]


def _notes_on_tests(comparison: Mapping[str, Any]) -> list[str]:
    found = [row["difference"] for row in comparison["rows"]]
    differences = [each for each in found if each is not None]
    if not differences:
        return []
    tested = [each for each in differences if each["p_value"] is not None]
    lines = []
    if tested:
        lines.append(
            "To joint: mean difference of the same seeds and its 95 % "
            f"interval; p of a {TEST_NAMES[comparison['test']]}, and "
            f"corrected for {len(tested)} comparisons (Holm)."
        )
    reasons = dict.fromkeys(each["note"] for each in differences)
    return lines + [f"Tests: {reason}." for reason in reasons if reason]


def _notes_on_tuning(comparison: Mapping[str, Any]) -> list[str]:
    if not comparison["tuning"]:
        return [
            "Learning rate and weight decay are the recipe's for every "
            "method; --tune=N would choose them for each."
        ]
    lines = [
        "Selected: accuracy at the epoch that was best in the validation run "
        "of the chosen try."
    ]
    for method, entry in comparison["tuning"].items():
        chosen = entry["chosen"]
        if chosen is None:
            lines.append(f"Tuned {method}: every try failed.")
            continue
        lines.append(
            f"Tuned {method}: learning rate {chosen['learning_rate']:g}, "
            f"weight decay {chosen['weight_decay']:g} (try {chosen['try']} "
            f"of {len(entry['tries'])}, "
            f"{100 * chosen['validation_accuracy']:.1f} % on validation)."
        )
    return lines
