"""Run and comparison folders made by hand: no training, no TensorFlow."""

import csv
import json

import numpy as np

HEADS = ("rgb", "sound", "joint")
ANSWERS = (*HEADS, "ensemble", "blend")


def estimate(epoch=0, **changes):
    """One entry of `blend_history.json`."""
    return {
        "format": 1,
        "epoch": epoch,
        "num_epochs": 2,
        "weights": {"rgb": 0.6, "sound": 0.1, "joint": 0.3},
        "generalisation": {"rgb": 0.2, "sound": -0.1, "joint": 0.5},
        "overfitting": {"rgb": 0.1, "sound": 0.4, "joint": 0.1},
        "overfitting_error": {"rgb": 0.02, "sound": 0.02, "joint": 0.02},
        "ogr": {"rgb": 0.5, "sound": None, "joint": 0.2},
        "intervals": {
            "rgb": [0.4, 0.8],
            "sound": [0.05, 0.2],
            "joint": [0.1, 0.5],
        },
        "kept_previous": False,
        "measure": "loss",
        "num_holdout": 40,
        "num_passes": 2,
        "examples_trained": 160,
        "seconds": 1.0,
        **changes,
    }


def summary(**changes):
    """A `summary.json` of a method that trains every head."""
    return {
        "format": 1,
        "blend": "online",
        "seed": 0,
        "evaluated_on": "test",
        "num_evaluated": 100,
        "curves_on": "test",
        "class_names": ["cat", "dog", "eel"],
        "accuracy": dict(
            zip(ANSWERS, (0.5, 0.41, 0.6, 0.62, 0.64), strict=True)
        ),
        "blend_weights": {"rgb": 0.6, "sound": 0.1, "joint": 0.3},
        "loss_scale": 3.0,
        "trained_heads": list(HEADS),
        "answering_heads": list(HEADS),
        "epochs_trained": 4,
        "reported_epoch": 4,
        "examples_trained": 12345,
        "examples_trained_in_estimates": 345,
        "seconds": 12.0,
        "seconds_in_estimates": 2.0,
        **changes,
    }


def evaluation(names=("cat", "dog", "eel"), *, subsets=False):
    """An `evaluation.json`: joint is right but for the first class."""
    size = len(names)
    counts = np.eye(size, dtype=int) * 4
    counts[0, 0], counts[0, 1] = 1, 3
    gains = [-0.75, *np.linspace(0.1, 0.5, size - 1).tolist()]
    order = [[name, gain] for name, gain in zip(names, gains, strict=True)]
    improved = sorted(order[1:], key=lambda pair: -pair[1])[:10]
    answer = {"improved": improved, "dropped": order[:1], "gains": gains}
    scores = {
        "top1": 0.6,
        "top5": 0.9,
        "mAP": 0.7,
        "mAUC": 0.8,
        "d_prime": 1.2,
        "ece": 0.1,
        "class_average_precision": [0.5] * size,
    }
    accuracy = {
        name: [0.5] * size if name == "rgb" else [0.25, *[0.75] * (size - 1)]
        for name in (*ANSWERS, "available")
    }
    found = {
        "format": 1,
        "metric": "top1",
        "class_names": list(names),
        "heads": {
            name: {**scores, "class_accuracy": values}
            for name, values in accuracy.items()
        },
        "confusion": {"joint": counts.tolist(), "blend": counts.tolist()},
        "gains": {
            "best_modality": "rgb",
            "measure": "class_accuracy",
            "joint": answer,
            "blend": answer,
        },
    }
    if subsets:
        found["modalities"] = {
            "metric": "top1",
            "empty": 1 / size,
            "subsets": [
                {"modalities": ["rgb"], "score": 0.5},
                {"modalities": ["sound"], "score": 0.41},
                {"modalities": ["rgb", "sound"], "score": 0.62},
            ],
            "shapley": {"rgb": 0.19, "sound": 0.1},
        }
    return found


def recipe():
    """What `recipe.json` and `comparison.json` hold of a recipe."""
    return {
        "name": "arrays",
        "data": {
            "dataset": "arrays",
            "path": "a & b.npz",
            "modalities": ["rgb", "sound"],
            "evaluate_on": "test",
        },
        "blend": {"weight_floor": 0.01},
    }


def identity(**changes):
    """A `recipe.json`."""
    return {
        "format": 1,
        "recipe": recipe(),
        "seed": 0,
        "blend": "online",
        "command": 'tools/train.py --set "data.path=a & b.npz"',
        "versions": {"keras": "3.15.1"},
        "num_cores": 2,
        **changes,
    }


def write_run(folder, *, history=2, names=None, subsets=False, **changes):
    """Writes a finished run; `names` adds an evaluation of these classes."""
    folder.mkdir(parents=True, exist_ok=True)
    values = summary(**changes)
    heads = list(values["blend_weights"])
    write(folder / "recipe.json", identity(blend=values["blend"]))
    write(folder / "summary.json", values)
    write_metrics(folder / "metrics.csv", heads)
    if history:
        entries = [estimate(2 * place) for place in range(history)]
        write(folder / "blend_history.json", entries)
    if names is not None:
        write(
            folder / "evaluation_test" / "evaluation.json",
            evaluation(names, subsets=subsets),
        )
    return folder


def write_metrics(path, heads=HEADS, epochs=4):
    """Writes a `metrics.csv`."""
    rows = []
    for epoch in range(epochs):
        row = {"epoch": epoch}
        for head in [*heads, "blend"]:
            row[f"{head}_loss"] = 2.0 - 0.3 * epoch
            row[f"val_{head}_loss"] = 2.1 - 0.1 * epoch
            row[f"val_{head}_accuracy"] = 0.3 + 0.1 * epoch
        rows.append(row)
    with path.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def row(method, answer, mean, *, p_holm=None):
    """One row of a comparison, of two seeds."""
    difference = None
    if p_holm is not None:
        difference = {
            "num_pairs": 2,
            "mean": mean - 0.6,
            "deviation": 0.02,
            "interval": [mean - 0.7, mean - 0.5],
            "p_value": p_holm / 2,
            "p_holm": p_holm,
            "note": "",
        }
    return {
        "method": method,
        "answer": answer,
        "accuracies": {"0": mean - 0.02, "1": mean + 0.02},
        "num_runs": 2,
        "mean": mean,
        "deviation": 0.028,
        "interval": [mean - 0.25, mean + 0.25],
        "selected": None,
        "seconds": 12.0,
        "examples_trained": 12345,
        "relative_seconds": 1.0,
        "relative_examples_trained": 1.0,
        "difference": difference,
        "failed_seeds": [],
    }


def failed_row(method):
    """The row of a method of which no run has finished."""
    nothing = dict.fromkeys(row(method, "", 0.5))
    return nothing | {
        "method": method,
        "answer": "",
        "accuracies": {},
        "num_runs": 0,
        "failed_seeds": ["0", "1"],
    }


def write_comparison(folder, *, names=("cat", "dog", "eel"), p_holm=0.4):
    """Writes a comparison of joint, online, modalities and a failed one."""
    written = {
        "joint": {
            "trained_heads": ["joint"],
            "answering_heads": ["joint"],
        },
        "online": {},
        "modalities": {
            "trained_heads": ["rgb", "sound"],
            "answering_heads": ["rgb", "sound"],
        },
    }
    for method, changes in written.items():
        for seed in (0, 1):
            write_run(
                folder / method / f"seed-{seed}",
                history=2 if method == "online" else 0,
                names=names,
                subsets=True,
                blend=method,
                seed=seed,
                **changes,
            )
    values = {
        "format": 1,
        "command": "tools/compare.py",
        "versions": {"keras": "3.15.1"},
        "num_cores": 2,
        "recipe": recipe(),
        "seeds": [0, 1],
        "baseline": "joint",
        "test": "t",
        "evaluated_on": "test",
        "num_evaluated": 100,
        "rows": [
            row("joint", "joint", 0.6),
            row("online", "joint", 0.62, p_holm=1.0),
            row("online", "blend", 0.64, p_holm=p_holm),
            row("modalities", "rgb", 0.5, p_holm=1.0),
            row("modalities", "ensemble", 0.61, p_holm=1.0),
            failed_row("se_gate"),
        ],
        "runs": _runs(written),
        "failures": [
            {
                "method": "se_gate",
                "run": "seed 0",
                "error": "FloatingPointError",
                "reason": "A loss is <not finite> in epoch 2.",
            }
        ],
        "tuning": {},
        "harness": {
            "jobs": 1,
            "new_runs": 6,
            "wall_seconds": 80.0,
            "seconds_inside_runs": 75.0,
            "training_seconds": 72.0,
        },
    }
    write(folder / "comparison.json", values)
    return folder


def _runs(methods):
    names = ("accuracy", "seconds", "examples_trained")
    done = [
        {
            "method": method,
            "seed": seed,
            "folder": f"{method}/seed-{seed}",
            "failed": False,
            **{name: summary()[name] for name in names},
        }
        for method in methods
        for seed in (0, 1)
    ]
    failed = done[0] | {
        "method": "se_gate",
        "folder": "se_gate/seed-0",
        "failed": True,
        **dict.fromkeys(names),
    }
    return [*done, failed]


def write(path, value):
    """Writes a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
