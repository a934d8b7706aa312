"""A run directory -> tables and plots."""

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gblend_keras import checkpointing
from gblend_keras import files
from gblend_keras import workdirs
from gblend_keras.network import BLEND
from gblend_keras.network import JOINT

# Okabe & Ito's palette: told apart by colour-blind readers.
COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#000000",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def plot_curves(
    run_dir: Path, *, heads: Sequence[str], evaluated: str, title: str
) -> None:
    """Draws `curves.png`: train and evaluation loss of every head.

    A gap that opens between the two lines of a head is its overfitting.

    Args:
        run_dir: Holds `metrics.csv`.
        heads: The heads that were trained.
        evaluated: What the `val_` columns were measured on, for the legend.
        title: Names the run.
    """
    rows = checkpointing.read_metrics(run_dir / "metrics.csv")
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(
        1,
        len(heads),
        figsize=(3.4 * len(heads), 3.6),
        sharey=True,
        layout="constrained",
    )
    axes = [axes] if len(heads) == 1 else list(axes)
    epochs = [int(row["epoch"]) + 1 for row in rows]
    for axis, head, colour in zip(axes, heads, COLOURS * 3, strict=False):
        train = [float(row[f"{head}_loss"]) for row in rows]
        held = [float(row[f"val_{head}_loss"]) for row in rows]
        axis.plot(epochs, train, color=colour, linestyle="--", label="train")
        axis.plot(epochs, held, color=colour, label=evaluated)
        axis.fill_between(epochs, train, held, color=colour, alpha=0.15)
        axis.set(title=head, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    axes[0].set_ylabel("cross-entropy in nats")
    _save(pyplot, figure, run_dir / "curves.png", title)


def plot_weights(
    run_dir: Path, history: Sequence[Mapping[str, Any]], *, title: str
) -> None:
    """Draws `weights.png`: each head's weight, with its 95 % interval.

    Args:
        run_dir: Where the figure goes.
        history: The estimates of `blend_history.json`.
        title: Names the run.
    """
    heads = list(history[0]["weights"])
    places = range(len(history))
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(6.4, 3.6), layout="constrained")
    for index, head in enumerate(heads):
        weights = [each["weights"][head] for each in history]
        low = [each["intervals"][head][0] for each in history]
        high = [each["intervals"][head][1] for each in history]
        below = [max(w - a, 0) for w, a in zip(weights, low, strict=True)]
        above = [max(b - w, 0) for w, b in zip(weights, high, strict=True)]
        shift = 0.08 * (index - (len(heads) - 1) / 2)
        axis.errorbar(
            [place + shift for place in places],
            weights,
            yerr=[below, above],
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            capsize=3,
            label=head,
        )
    axis.axhline(
        1 / len(heads),
        color="grey",
        linewidth=1,
        linestyle=":",
        label="uniform",
    )
    labels = [
        f"{each['epoch']}-{each['epoch'] + each['num_epochs']}"
        for each in history
    ]
    axis.set_xticks(list(places), labels)
    axis.set(
        xlabel="epochs that the estimate looked at",
        ylabel="blend weight (sum 1)",
        ylim=(-0.02, 1.02),
    )
    axis.grid(alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _save(pyplot, figure, run_dir / "weights.png", title)


def read_summary(run_dir: Path) -> dict[str, Any]:
    """Reads the `summary.json` of a finished run.

    Raises:
        ValueError: If it is damaged or of another format.
    """
    return workdirs.read_json(
        run_dir / "summary.json", what="the summary of a run"
    )


def summary_table(summary: Mapping[str, Any]) -> str:
    """Returns the accuracies of one run as text, one line a head."""
    split = summary["evaluated_on"]
    lines = [f"Accuracy on {split} ({summary['num_evaluated']} examples):"]
    for name, value in summary["accuracy"].items():
        lines.append(f"  {name:<12} {100 * value:5.1f} %{explained(name)}")
    return "\n".join(lines)


def explained(name: str) -> str:
    """Returns what a name in an accuracy table stands for."""
    return {
        JOINT: "  the fused head, the paper's answer",
        BLEND: "  mean of all heads' probabilities",
        "ensemble": "  mean of the modality heads' probabilities",
    }.get(name, "")


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


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib. Install it with "
            '`pip install "gblend_keras[report]"`.'
        ) from error
    matplotlib.use("Agg")  # files only: a server has no screen
    from matplotlib import pyplot

    return pyplot


def _save(pyplot: Any, figure: Any, path: Path, title: str) -> None:
    figure.suptitle(title)
    with files.replacing(path) as beside:
        figure.savefig(beside, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
