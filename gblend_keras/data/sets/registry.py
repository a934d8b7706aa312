"""The data sets that a recipe can name."""

import dataclasses
import importlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras import config
from gblend_keras.data import example_set
from gblend_keras.data import holdout
from gblend_keras.data import npz

# Set -> its module, which is imported when the set is asked for (digits need
# an audio library), and its folder below `data_dir`.
LOADERS = {
    "avmnist": ("gblend_keras.data.sets.avmnist", "avmnist"),
    "utd_mhad": ("gblend_keras.data.sets.utd_mhad", "utd_mhad"),
    "weda_fall": ("gblend_keras.data.sets.weda_fall", "weda_fall"),
    "furniture": ("gblend_keras.data.sets.furniture", "furniture"),
    "grid_letters": ("gblend_keras.data.sets.grid", "grid_s1_av"),
}
NEEDED = {"path": "a file or folder", "annotations": "a file"}
PLACES = {
    ("arrays", "path"): "FILE.npz",
    ("records", "path"): "DIR",
    ("videos", "path"): "DIR",
    ("videos", "annotations"): "FILE",
}  # what stands in the advice
NAMES = ("arrays", "digits", "records", "videos", *LOADERS)


def load(
    settings: config.DataConfig, *, data_dir: str | Path | None, seed: int = 0
) -> example_set.Splits:
    """Loads a set as a recipe asks for it.

    With `evaluate_on="validation"`, `test` is a part of the training set that
    is not trained on (the set's own validation split, else whole groups or a
    stratified draw, as `validation_by` says), so that nothing is chosen on
    test data.

    Args:
        settings: The data part of a recipe.
        data_dir: Folder that holds the sets' folders.
        seed: Seeds the draw of a validation part.

    Returns:
        The splits, with the modalities asked for.

    Raises:
        ValueError: If the set or a modality is unknown, a file is bad, or
            the set cannot be divided by `validation_by`.

    Example:
        >>> import gblend_keras as gb
        >>> recipe = gb.recipes.get("digits")
        >>> splits = gb.data.load(recipe.data, data_dir=None)
        >>> splits.train.shapes
        {'image': (8, 8, 1), 'sound': (32, 24, 1)}
        >>> len(splits.train), len(splits.test)
        (3600, 1000)
    """
    splits = _load_whole(settings, data_dir)
    _check_validation_by(splits, settings)
    if settings.evaluate_on == "validation":
        splits = _validation_as_test(splits, settings, seed)
    if settings.modalities:
        splits = _with_modalities(splits, settings.modalities)
    return splits


def check_place(
    settings: config.DataConfig, data_dir: str | Path | None
) -> None:
    """Raises unless the files or folders that a set is read from are there.

    Reads nothing of them, so that a mistyped path costs no time.

    Args:
        settings: The data part of a recipe.
        data_dir: Folder that holds the sets' folders.

    Raises:
        ValueError: If the set is unknown, a path is not given, or there is
            nothing in its place.
    """
    config.check_choice("data.dataset", settings.dataset, NAMES)
    if settings.dataset == "digits":
        return
    root = Path(data_dir or ".")
    if settings.dataset in LOADERS:
        paths = [root / (settings.path or LOADERS[settings.dataset][1])]
        if data_dir is None and not settings.path:
            raise ValueError(
                "`data_dir` is missing. Expected the folder that holds "
                f"'{LOADERS[settings.dataset][1]}'. Received: none. "
                "Add --data_dir=DIR."
            )
    else:
        needed = ["path"] + ["annotations"] * (settings.dataset == "videos")
        for name in needed:
            if not getattr(settings, name):
                raise ValueError(
                    f"`data.{name}` is missing. Expected {NEEDED[name]} for "
                    f"dataset '{settings.dataset}'. Received: data.{name}=''. "
                    f"Add --set data.{name}={PLACES[settings.dataset, name]}."
                )
        paths = [root / getattr(settings, name) for name in needed]
    for path in paths:
        if not path.exists():
            raise ValueError(
                f"{path} is not there. Expected the data of set "
                f"'{settings.dataset}'. Received: a path without a file or "
                "folder. Check --data_dir and data.path."
            )


def _load_whole(
    settings: config.DataConfig, data_dir: str | Path | None
) -> example_set.Splits:
    check_place(settings, data_dir)
    if settings.dataset == "digits":
        digits = importlib.import_module("gblend_keras.data.sets.digits")
        splits: example_set.Splits = digits.load()
        return splits
    if settings.dataset == "arrays":
        return npz.load(Path(data_dir or ".") / settings.path)
    if settings.dataset in ("records", "videos"):
        return _load_clips(settings, Path(data_dir or "."))
    module, folder = LOADERS[settings.dataset]
    root = Path(data_dir or ".") / (settings.path or folder)
    splits = importlib.import_module(module).load(root)
    return splits


def _load_clips(settings: config.DataConfig, root: Path) -> example_set.Splits:
    # Imported here: it needs the extra `video`, and TensorFlow.
    clip_loading = importlib.import_module("gblend_keras.data.clips.loader")
    folder = root / settings.path
    if settings.dataset == "records":
        splits: example_set.Splits = clip_loading.load_records(settings, folder)
    else:
        splits = clip_loading.load_videos(
            settings, folder, root / settings.annotations
        )
    return splits


def _validation_as_test(
    splits: example_set.Splits, settings: config.DataConfig, seed: int
) -> example_set.Splits:
    if splits.validation is not None:
        return dataclasses.replace(
            splits, test=splits.validation, validation=None
        )
    train = splits.train
    if settings.validation_by == "examples" or train.group is None:
        rows = _divisible_rows(train.y)
        held = rows[
            holdout.holdout_indices(
                train.y[rows], fraction=settings.validation_fraction, seed=seed
            )
        ]
    else:
        held = holdout.holdout_indices(
            train.y,
            fraction=settings.validation_fraction,
            groups=train.group,
            seed=seed,
        )
    rest = np.setdiff1d(np.arange(len(train)), held)
    return dataclasses.replace(
        splits, train=train.take(rest), test=train.take(held)
    )


def _check_validation_by(
    splits: example_set.Splits, settings: config.DataConfig
) -> None:
    if settings.validation_by == "auto":
        return
    received = f"data.validation_by={settings.validation_by}"
    if splits.validation is not None:
        raise ValueError(
            "`data.validation_by` does not fit the set. Expected 'auto', for "
            f"set '{settings.dataset}' has a validation split of its own. "
            f"Received: {received}. Leave it out."
        )
    if settings.validation_by == "groups" and splits.train.group is None:
        raise ValueError(
            "`data.validation_by` needs groups. Expected a set that says whom "
            "each example comes from (a subject, a speaker). Received: "
            f"{received} and set '{settings.dataset}', which has no `group`. "
            "Give the set one, or use --set data.validation_by=examples."
        )


def _divisible_rows(y: example_set.Array) -> npt.NDArray[np.int64]:
    """Returns the rows that a stratified draw may take.

    An example that is the only one of its class stays in training.
    """
    rows = np.arange(len(y))
    while len(rows):
        if y.ndim == 1:
            _, numbers, counts = np.unique(
                y[rows], return_inverse=True, return_counts=True
            )
            rare = counts[numbers] == 1
        else:
            positive = y[rows] > 0
            rare = positive[:, positive.sum(axis=0) == 1].any(axis=1)
        if not rare.any():
            return rows
        rows = rows[~rare]
    return np.arange(len(y))  # none: `holdout_indices` says so


def _with_modalities(
    splits: example_set.Splits, modalities: tuple[str, ...]
) -> example_set.Splits:
    missing = [name for name in modalities if name not in splits.train.shapes]
    if missing:
        raise ValueError(
            "`data.modalities` has an unknown name. Expected some of "
            f"{list(splits.train.shapes)}. Received: {missing}. "
            "Check the spelling."
        )
    validation = splits.validation
    return dataclasses.replace(
        splits,
        train=splits.train.select(modalities),
        test=splits.test.select(modalities),
        validation=validation and validation.select(modalities),
    )
