"""The values of a comparison -> terminal table, CSV, Markdown and LaTeX."""

import csv
import io
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras import heads
from gblend_keras import reporting
from gblend_keras.blending.estimate import read_history
from gblend_keras.comparison import _tasks
from gblend_keras.reporting import comparison_cells
from gblend_keras.reporting import comparison_remarks
from gblend_keras.runs import directory
from gblend_keras.utils import files

_LATEX_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    **{each: "\\" + each for each in "&%$#_{}"},
}
_CSV_FIELDS = (
    "method",
    "answer",
    "num_runs",
    "failed",
    "mean",
    "deviation",
    "interval_low",
    "interval_high",
    "difference",
    "difference_deviation",
    "difference_low",
    "difference_high",
    "difference_num_pairs",
    "p_value",
    "p_holm",
    "selected_epoch",
    "selected_mean",
    "selected_deviation",
    "seconds",
    "relative_seconds",
    "examples_trained",
    "relative_examples_trained",
)


def write(workdir: Path, comparison: Mapping[str, Any]) -> None:
    """Writes `comparison.json`, `.csv`, `.md` and `.tex` into a folder.

    Args:
        workdir: The folder.
        comparison: As `_results.collect` returns it.
    """
    files.write_json(workdir / directory.COMPARISON, comparison)
    files.write_text(workdir / "comparison.csv", csv_table(comparison))
    files.write_text(workdir / "comparison.md", markdown_table(comparison))
    files.write_text(workdir / "comparison.tex", latex_table(comparison))


def text_table(comparison: Mapping[str, Any]) -> str:
    """Returns the table and its notes for a terminal.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> text = Path("comparison/comparison.json").read_text()
        >>> table = gb.comparison.text_table(json.loads(text))
        >>> header, rule, *rows = table.splitlines()
        >>> header.split()[:3]
        ['method', 'answer', 'accuracy']
    """
    table = [
        [cell.replace("±", "+-") for cell in line]
        for line in comparison_cells.lines(comparison)
    ]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for line in table:
        texts = [
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ]
        lines.append("  ".join(texts).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, *comparison_remarks.sentences(comparison)])


def markdown_table(comparison: Mapping[str, Any]) -> str:
    """Returns the table and its notes as Markdown.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> text = Path("comparison/comparison.json").read_text()
        >>> table = gb.comparison.markdown_table(json.loads(text))
        >>> [cell.strip() for cell in table.splitlines()[0].split("|")][1:4]
        ['method', 'answer', 'accuracy %']
    """
    header, *body = comparison_cells.lines(comparison)
    lines = [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    lines += [f"| {' | '.join(line)} |" for line in body]
    lines += [
        "",
        *[f"- {note}" for note in comparison_remarks.sentences(comparison)],
    ]
    command = comparison["command"]
    return "\n".join([*lines, "", f"`{command}`"]) + "\n"


def latex_table(comparison: Mapping[str, Any]) -> str:
    """Returns the table as LaTeX, for `booktabs`; notes are comments.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> text = Path("comparison/comparison.json").read_text()
        >>> table = gb.comparison.latex_table(json.loads(text))
        >>> "toprule" in table
        True
    """
    header, *body = [
        [
            "".join(_LATEX_SPECIAL.get(each, each) for each in cell)
            for cell in line
        ]
        for line in comparison_cells.lines(comparison)
    ]
    columns = "ll" + "r" * (len(header) - 2)
    comments = [
        comparison["command"],
        *comparison_remarks.sentences(comparison),
    ]
    lines = [f"% {' '.join(each.split())}" for each in comments]
    lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
    lines += [f"{' & '.join(header)} \\\\", "\\midrule"]
    lines += [f"{' & '.join(line)} \\\\" for line in body]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def csv_table(comparison: Mapping[str, Any]) -> str:
    """Returns the rows as CSV: shares, not per cent, and not rounded.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> text = Path("comparison/comparison.json").read_text()
        >>> table = gb.comparison.csv_table(json.loads(text))
        >>> table.splitlines()[0].split(",")[:5]
        ['method', 'answer', 'num_runs', 'failed', 'mean']
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    for row in comparison["rows"]:
        difference = row["difference"] or {}
        selected = row["selected"] or {}
        low, high = row["interval"] or (None, None)
        worst, best = difference.get("interval") or (None, None)
        writer.writerow(
            {
                **{name: row[name] for name in _CSV_FIELDS if name in row},
                "failed": len(row["failed_seeds"]),
                "interval_low": low,
                "interval_high": high,
                "difference": difference.get("mean"),
                "difference_deviation": difference.get("deviation"),
                "difference_low": worst,
                "difference_high": best,
                "difference_num_pairs": difference.get("num_pairs"),
                "p_value": difference.get("p_value"),
                "p_holm": difference.get("p_holm"),
                "selected_epoch": selected.get("epoch"),
                "selected_mean": selected.get("mean"),
                "selected_deviation": selected.get("deviation"),
            }
        )
    return text.getvalue()


def outcome_line(outcome: _tasks.Outcome) -> str:
    """Returns one line on how a run has ended."""
    if outcome.summary is None:
        reason = comparison_remarks.shortened(outcome.reason)
        return f"{outcome.label}: FAILED, {outcome.error}: {reason}"
    shown = [
        f"{answer} {100 * outcome.summary['accuracy'][answer]:.1f} %"
        for answer in heads.reported_answers(heads.answers_of(outcome.summary))
    ]
    return f"{outcome.label}: {', '.join(shown)} in {outcome.seconds:.0f} s"


def describe_runs(workdir: Path, methods: Sequence[str], seed: int) -> str:
    """Returns the weights that one seed's runs were given, and their plots.

    Args:
        workdir: Folder of the comparison.
        methods: What was compared.
        seed: Whose runs are described.

    Example:
        >>> from pathlib import Path
        >>> import gblend_keras as gb
        >>> text = gb.comparison.describe_runs(
        ...     Path("comparison"), ["joint", "online"], seed=0
        ... )
        >>> print(text.splitlines()[0])
        online, seed 0:
    """
    lines = []
    for method in methods:
        run_dir = workdir / method / f"seed-{seed}"
        estimated = run_dir / directory.HISTORY
        if estimated.exists():
            lines.append(f"{method}, seed {seed}:")
            lines.append(reporting.weights_table(read_history(estimated)))
        if (run_dir / "curves.png").exists():
            lines.append(f"Plots of {method}: {run_dir}/curves.png")
        if (run_dir / "weights.png").exists():
            lines.append(f"  and its weights: {run_dir}/weights.png")
    return "\n".join(lines)
