"""A run as text for a terminal."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from gblend_keras import heads as answer_heads


def summary_table(summary: Mapping[str, Any]) -> str:
    """Returns the accuracies of one run as text, one line a head.

    Example:
        >>> import gblend_keras as gb
        >>> summary = {
        ...     "evaluated_on": "test",
        ...     "num_evaluated": 100,
        ...     "accuracy": {"joint": 0.6, "blend": 0.64},
        ... }  # or `gb.reporting.read_summary(run_dir)`
        >>> print(gb.reporting.summary_table(summary))
        Accuracy on test (100 examples):
          joint         60.0 %  the fused head, the paper's answer
          blend         64.0 %  mean of all heads' probabilities
    """
    split = summary["evaluated_on"]
    lines = [f"Accuracy on {split} ({summary['num_evaluated']} examples):"]
    for name, value in summary["accuracy"].items():
        line = (
            f"  {name:<12} {100 * value:5.1f} %  {answer_heads.meaning(name)}"
        )
        lines.append(line.rstrip())
    lines += [each["summary"] for each in summary.get("collapsed", ())]
    return "\n".join(lines)


def weights_table(history: Sequence[Mapping[str, Any]]) -> str:
    """Returns the weights of every estimate as text, one line an estimate.

    Example:
        >>> import gblend_keras as gb
        >>> weights = {"rgb": 0.6, "audio": 0.1, "joint": 0.3}
        >>> history = [{"epoch": 0, "num_epochs": 10, "weights": weights}]
        >>> print(gb.reporting.weights_table(history))
        Blend weights of every super-epoch:
          epochs             rgb       audio       joint
          0-10             0.600       0.100       0.300
    """
    heads = list(history[0]["weights"])
    lines = ["Blend weights of every super-epoch:"]
    lines.append("  epochs    " + "".join(f"{head:>12}" for head in heads))
    for each in history:
        span = f"{each['epoch']}-{each['epoch'] + each['num_epochs']}"
        cells = "".join(f"{each['weights'][head]:>12.3f}" for head in heads)
        lines.append(f"  {span:<10}{cells}")
    return "\n".join(lines)
