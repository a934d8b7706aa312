"""Cards and the index: Markdown from what an entry's files say."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from gblend_keras.heads import FUSED
from gblend_keras.zoo import catalog

_CURVE_ROWS = 6  # epochs shown in a card
_TITLES = {
    "trained": "Trained here",
    "imported": "Public checkpoints that you bring",
    "hub": "Towers of TensorFlow Hub",
}
_EXPLAINED = {
    "trained": "The weights come with the package. Accuracies are of the "
    "entry's own weights on the test split; ± is the standard deviation over "
    "the seeds that the card lists.",
    "imported": "Download the checkpoint, then "
    "`gblend zoo import NAME FILE`, once. Accuracies are those that "
    "the source published. Nobody measured them here.",
    "hub": "`gb.zoo.tower(NAME, MODALITY)` asks TensorFlow Hub the first "
    "time. Accuracies are those that the source published.",
}


def render(entry: catalog.Entry) -> str:
    """Returns the card of an entry."""
    lines = [f"# {entry.name}", "", entry.title, ""]
    lines += _section("Task", entry.about["task"])
    lines += _section("Data and licence", entry.about["data"])
    lines += [entry.about["licence"], ""]
    lines += _section("Intended use", entry.about["use"])
    lines += _section("Limits", entry.about["limits"])
    lines += _inputs(entry)
    parts = {
        "trained": _trained,
        "imported": _imported,
        "hub": _hub,
    }
    lines += parts[entry.kind](entry)
    lines += _section("Citation", entry.about["citation"])
    return "\n".join(lines).rstrip() + "\n"


def index(entries: Sequence[catalog.Entry]) -> str:
    """Returns the overview of a zoo, which stands beside its entries.

    Args:
        entries: All of them.
    """
    lines = ["# The zoo", "", _INTRODUCTION]
    for kind, title in _TITLES.items():
        chosen = [entry for entry in entries if entry.kind == kind]
        if not chosen:
            continue
        lines += [f"## {title}", "", _EXPLAINED[kind], ""]
        lines += ["| name | what | inputs | accuracy % |", "|---|---|---|---|"]
        lines += [
            f"| [{entry.name}]({entry.name}/{catalog.CARD}) "
            f"| {entry.title} | {', '.join(entry.inputs)} "
            f"| {_short(entry)} |"
            for entry in sorted(chosen, key=lambda each: each.name)
        ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION = """\
Networks that load by name; [docs/zoo.md](../docs/zoo.md) says how. This file
is written by `gblend zoo index` from the entries' own files.

```python
import gblend_keras as gb

model = gb.zoo.load("digits_online")
```
"""


def text_list(entries: Sequence[catalog.Entry]) -> str:
    """Returns the entries as text for a terminal, one line each."""
    wide = max((len(entry.name) for entry in entries), default=0)
    return "\n".join(
        f"{entry.name:<{wide}}  {entry.kind:<8}  {entry.title}"
        for entry in entries
    )


def spread(measured: Mapping[str, Any], answer: str) -> str:
    """Returns the mean and the deviation over seeds, or the one value."""
    values = [100 * each[answer] for each in measured["by_seed"].values()]
    if len(values) == 1:
        return f"{values[0]:.1f} (one seed)"
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    return f"{mean:.1f} ± {deviation:.1f} ({len(values)} seeds)"


def _section(title: str, text: str) -> list[str]:
    return [f"## {title}", "", text, ""]


def _inputs(entry: catalog.Entry) -> list[str]:
    lines = ["## Inputs", "", "| modality | shape | values |", "|---|---|---|"]
    for modality, each in entry.inputs.items():
        shape = " x ".join(
            "any" if size is None else str(size) for size in each.shape
        )
        lines.append(f"| `{modality}` | {shape} | {each.values} |")
    if entry.clips is not None:
        clips = entry.clips
        ordinals = {1: "one", 2: "second", 3: "third"}
        ordinal = ordinals.get(clips.stride, f"{clips.stride}th")
        lines += [
            "",
            "`model.preprocess(PATH)` cuts clips out of video files: "
            f"{clips.num_frames} frames, every {ordinal}, short "
            f"side {clips.short_side}, crop {clips.crop_size}.",
        ]
    elif entry.kind == "trained":
        lines += [
            "",
            "`model.preprocess({modality: array})` checks arrays; it also "
            "takes the path of an `.npz` with such arrays.",
        ]
    return [*lines, ""]


def _trained(entry: catalog.Entry) -> list[str]:
    training, measured = catalog.training(entry), catalog.metrics(entry)
    versions = training["versions"]
    cost = measured["cost"]
    return [
        "## Training",
        "",
        f"Method `{training['blend']}`, seed {training['seed']}, Keras "
        f"{versions['keras']}, TensorFlow {versions['tensorflow']}:",
        "```",
        training["command"],
        "```",
        f"{cost['epochs_trained']} epochs, {cost['examples_trained']} examples "
        "in all (estimates of the blend included), "
        f"{cost['seconds']:.0f} s on one thread of a shared machine with two "
        "CPU cores.",
        "",
        *_results(measured),
        *_weights_of_heads(measured),
        *_curves(measured),
        "## Files",
        "",
        f"`{catalog.WEIGHTS}`: plain arrays by name, "
        f"{entry.weights.num_bytes if entry.weights else 0} bytes, "
        f"sha256 `{entry.weights.sha256 if entry.weights else ''}`.",
        "",
    ]


def _results(measured: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Measured",
        "",
        f"Accuracy in % on {measured['num_evaluated']} examples of the "
        f"{measured['evaluated_on']} split. `gblend zoo verify` fails when "
        "these weights give another figure by more than "
        f"{100 * measured['tolerance']:g} points.",
        "",
        f"| answer | these weights | seeds {', '.join(measured['by_seed'])} |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{answer}` | {100 * value:.1f} | {spread(measured, answer)} |"
        for answer, value in measured["accuracy"].items()
    ]
    return [*lines, ""]


def _weights_of_heads(measured: Mapping[str, Any]) -> list[str]:
    heads = list(measured["blend_weights"])
    lines = [
        "## Blend weights",
        "",
        "| from epoch | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 1) + "|",
    ]
    rows = [
        (str(each["epoch"]), each["weights"])
        for each in measured["blend_history"]
    ] or [("0 (fixed)", measured["blend_weights"])]
    lines += [
        f"| {epoch} | "
        + " | ".join(f"{weights[head]:.3f}" for head in heads)
        + " |"
        for epoch, weights in rows
    ]
    return [*lines, ""]


def _curves(measured: Mapping[str, Any]) -> list[str]:
    curves = measured["curves"]
    length = len(next(iter(curves.values()))["train"])
    chosen = np.unique(np.linspace(0, length - 1, _CURVE_ROWS).astype(int))
    lines = [
        "## Curves",
        "",
        "Cross-entropy in nats, training / "
        f"{measured['evaluated_on']} or validation split; all epochs are in "
        f"`{catalog.METRICS}`.",
        "",
        "| epoch | " + " | ".join(curves) + " |",
        "|---" * (len(curves) + 1) + "|",
    ]
    for epoch in chosen:
        cells = " | ".join(
            f"{each['train'][epoch]:.2f} / {each['held'][epoch]:.2f}"
            for each in curves.values()
        )
        lines.append(f"| {epoch + 1} | {cells} |")
    return [*lines, ""]


def _imported(entry: catalog.Entry) -> list[str]:
    checkpoint = entry.checkpoint
    if checkpoint is None:
        return []
    address = checkpoint.address or "no address is known to us"
    return [
        "## Checkpoint",
        "",
        f"File `{checkpoint.file}`: {address}. It was not downloaded here, "
        "and the address may be dead. Import it once:",
        "```",
        f"gblend zoo import {entry.name} {checkpoint.file}",
        "```",
        f"It is read as a checkpoint of `{checkpoint.source}` "
        "([docs/networks.md](../../../../docs/networks.md)); nothing in it "
        "runs. Its sha256 is recorded, and that of the converted network is "
        "checked each time it loads.",
        "",
        *_published(entry),
    ]


def _hub(entry: catalog.Entry) -> list[str]:
    model = entry.hub
    if model is None:
        return []
    return [
        "## Handle",
        "",
        f"`{model.handle}`, {model.num_features} features. "
        'It needs `pip install "gblend_keras[hub]"` and, the first time, a '
        "network; or a file that you downloaded:",
        "```",
        f"gblend zoo import {entry.name} FILE.tar.gz",
        "```",
        "A SavedModel is a program: take it from its publisher alone.",
        "",
        *_published(entry),
    ]


def _published(entry: catalog.Entry) -> list[str]:
    lines = ["## Published accuracy (not measured here)", ""]
    if not entry.published:
        return [*lines, "None is known to us.", ""]
    lines += ["| metric | value |", "|---|---|"]
    lines += [
        f"| {name} | {value} |" for name, value in entry.published.items()
    ]
    return [*lines, ""]


def _short(entry: catalog.Entry) -> str:
    if entry.kind != "trained":
        found = [f"{name} {value}" for name, value in entry.published.items()]
        return ", ".join(found) + (" (published)" if found else "")
    measured = catalog.metrics(entry)
    answers = [answer for answer in FUSED if answer in measured["accuracy"]]
    return "; ".join(
        f"{answer} {spread(measured, answer)}" for answer in answers
    )
