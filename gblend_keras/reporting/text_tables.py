"""A run as text for a terminal."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from gblend_keras import heads as answer_heads


def summary_table(summary: Mapping[str, Any]) -> str:
    """Returns the accuracies of one run as text, one line a head."""
    split = summary["evaluated_on"]
    lines = [f"Accuracy on {split} ({summary['num_evaluated']} examples):"]
    for name, value in summary["accuracy"].items():
        line = (
            f"  {name:<12} {100 * value:5.1f} %  {answer_heads.meaning(name)}"
        )
        lines.append(line.rstrip())
    return "\n".join(lines)


def weights_table(history: Sequence[Mapping[str, Any]]) -> str:
    """Returns the weights of every estimate as text, one line an estimate."""
    heads = list(history[0]["weights"])
    lines = ["Blend weights of every super-epoch:"]
    lines.append("  epochs    " + "".join(f"{head:>12}" for head in heads))
    for each in history:
        span = f"{each['epoch']}-{each['epoch'] + each['num_epochs']}"
        cells = "".join(f"{each['weights'][head]:>12.3f}" for head in heads)
        lines.append(f"  {span:<10}{cells}")
    return "\n".join(lines)
