"""An evaluation as text for a terminal."""

from collections.abc import Mapping
from typing import Any

from gblend_keras.heads import JOINT
from gblend_keras.heads import meaning

KINDS = ("verb", "noun", "action")
NUM_SHOWN = 5  # classes gained and lost


def text_table(report: Mapping[str, Any]) -> str:
    """Returns the heads, the subsets and the gains of a report as text.

    Args:
        report: As in `evaluation.json`.

    Example:
        >>> import gblend_keras as gb
        >>> model = gb.zoo.load("digits_online")
        >>> splits = gb.data.load(gb.recipes.get("digits").data, data_dir=None)
        >>> found = gb.evaluate_model(model, splits.test)
        >>> print(gb.evaluation.text_table(found.report).splitlines()[0])
        1000 examples, 10 classes:
    """
    lines = [_title(report), *_head_lines(report)]
    if report.get("modalities"):
        lines += ["", *_subset_lines(report["modalities"])]
    if report.get("gains"):
        lines += ["", *_gain_lines(report["gains"])]
    if report.get("absent"):
        lines += ["", absent_table(report["absent"])]
    return "\n".join(lines)


def _title(report: Mapping[str, Any]) -> str:
    counts = report["counts"]
    title = f"{counts['examples']} examples"
    if "split" in report:
        title += f" of the {report['split']} split"
    if "views" in counts:
        title += f", {counts['views']} views"
    left_out = counts["classes_without_positive"]
    title += f", {counts['classes']} classes"
    return title + (f" ({left_out} without an example):" if left_out else ":")


def _head_lines(report: Mapping[str, Any]) -> list[str]:
    heads = report["heads"]
    first = next(iter(heads.values()))
    columns = [
        name
        for name in ("clip_top1", "clip_top5", "top1", "top5", "mAP", "mAUC")
        if first.get(name) is not None
    ]
    wide = max(len(name) for name in heads)
    names = "".join(f"  {name + ' %':>7}" for name in columns)
    lines = [f"  {'answer':<{wide}}{names}{'d prime':>9}{'NLL':>6}{'ECE %':>6}"]
    for head, found in heads.items():
        cells = "".join(
            f"  {_percent(found[name]):>{max(len(name) + 2, 7)}}"
            for name in columns
        )
        prime = found["d_prime"]
        cells += f"{'-' if prime is None else format(prime, '.2f'):>9}"
        loss = found.get("nll")  # not in files of earlier versions
        cells += f"{'-' if loss is None else format(loss, '.2f'):>6}"
        cells += f"{_percent(found['ece']):>6}  {meaning(head)}"
        lines.append(f"  {head:<{wide}}{cells}".rstrip())
    return lines


def _subset_lines(found: Mapping[str, Any]) -> list[str]:
    rows = [("nothing (a guess)", found["empty"])]
    rows += [
        (" + ".join(each["modalities"]), each["score"])
        for each in found["subsets"]
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [f"With these modalities alone, {found['metric']} %:"]
    lines += [f"  {name:<{wide}}{_percent(v):>8}" for name, v in rows]
    lines.append("What a modality adds on average (Shapley), in points:")
    lines += [
        f"  {name:<{wide}}{_percent(value, sign='+'):>8}"
        for name, value in found["shapley"].items()
    ]
    return lines


def _gain_lines(gains: Mapping[str, Any]) -> list[str]:
    lines = [
        f"Gain of joint over {gains['best_modality']}, the best modality, in "
        "points:"
    ]
    for kind in ("improved", "dropped"):
        classes = gains[JOINT][kind][:NUM_SHOWN]
        listed = ", ".join(
            f"{name} {_percent(gain, sign='+')}" for name, gain in classes
        )
        lines.append(f"  {kind + ':':<10}{listed or 'none'}")
    return lines


def _percent(value: float | None, *, sign: str = "") -> str:
    return "-" if value is None else format(100 * value, f"{sign}.1f")


def absent_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Returns how fallbacks for absent modalities did, the best first.

    Args:
        found: As `fallbacks.compare_fallbacks` gives it.
    """
    ranked = sorted(found.items(), key=lambda item: -item[1]["score"])
    wide = max(len(name) for name in found)
    lines = ["Fallbacks for absent modalities, mean over the subsets, %:"]
    lines += [
        f"  {name:<{wide}}{_percent(scores['score']):>8}"
        for name, scores in ranked
    ]
    return "\n".join(lines)


def action_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns verb, noun and action accuracies as text.

    Args:
        found: As `actions.evaluate_actions` gives it.

    Example:
        >>> import gblend_keras as gb
        >>> pair = {"top1": 0.5, "top5": 0.75}
        >>> scores = {"verb": pair, "noun": pair, "action": pair}
        >>> found = {"all": {"num_segments": 200, **scores}}
        >>> print(gb.evaluation.action_table(found))
        kitchens  segments     verb top1/5 %     noun top1/5 %   action top1/5 %
        all            200         50.0/75.0         50.0/75.0         50.0/75.0
    """
    title = "".join(f"{f'{name} top1/5 %':>18}" for name in KINDS)
    lines = [f"{'kitchens':<10}{'segments':>8}{title}"]
    for part, scores in found.items():
        cells = "".join(
            f"{_pair(scores[name], 'top1', 'top5'):>18}" for name in KINDS
        )
        lines.append(f"{part:<10}{scores['num_segments']:>8}{cells}")
        if "many_shot" in scores:
            cells = "".join(
                f"{_pair(scores['many_shot'][name], 'precision', 'recall'):>18}"
                for name in KINDS
            )
            lines.append(f"  many-shot precision/recall\n{'':<18}{cells}")
    return "\n".join(lines)


def _pair(scores: Mapping[str, float | None], first: str, second: str) -> str:
    return f"{_percent(scores[first])}/{_percent(scores[second])}"
