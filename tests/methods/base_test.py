"""What methods share: which examples of a run are held out."""

import numpy as np
import pytest

import gblend_keras as gb
from gblend_keras.training import single_estimate
from gblend_keras.training import trainer
from tests import toy

SETTINGS = [
    "train.epochs=1",
    "towers.m0.widths=4",
    "towers.m1.widths=4",
    "blend.offline_fraction=0.3",
    "blend.holdout_fraction=0.3",
]


def recipe(folder, settings, *, groups=None):
    x, y = toy.arrays(num_examples=60)
    path = folder / "toy.npz"
    np.savez(path, y=y, **x, **({} if groups is None else {"group": groups}))
    return gb.config.with_settings(
        gb.recipes.get("arrays"),
        [f"data.path={path}", *SETTINGS, *settings],
    )


def train(given, folder, blend):
    return trainer.train(
        given, trainer.Run(folder / "run", blend=blend, verbose=False)
    )


@pytest.mark.parametrize(
    ("blend", "settings"),
    [
        ("online", ["blend.holdout_by_group=true"]),
        ("early_stopping", ["blend.holdout_by_group=true"]),
        ("offline", ["blend.offline_by_group=true"]),
        ("offline", ["blend.offline_by_group=true", "blend.folds=3"]),
        ("probe", ["blend.offline_by_group=true"]),
    ],
)
def test_holding_out_groups_of_a_set_without_groups_is_refused(
    tmp_path, blend, settings
):
    given = recipe(tmp_path, settings)
    name = settings[0].removesuffix("=true")
    with pytest.raises(ValueError, match=f"`{name}` needs .*{name}=false"):
        train(given, tmp_path, blend)
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_single_estimate_by_group_of_a_set_without_groups_is_refused(tmp_path):
    given = recipe(tmp_path, ["blend.offline_by_group=true"])
    subject = single_estimate.subject_of(given, None)
    with pytest.raises(ValueError, match="blend.offline_by_group=false"):
        single_estimate.estimate_blend(subject, verbose=False)


def test_method_that_holds_nothing_out_needs_no_groups(tmp_path):
    given = recipe(tmp_path, ["blend.holdout_by_group=true"])
    assert train(given, tmp_path, "joint")["accuracy"]


def test_groups_are_given_only_where_the_setting_asks_for_them(tmp_path):
    x, y = toy.arrays(num_examples=12)
    groups = np.arange(12) % 3
    job = gb.methods.ReadyRun(
        toy.model(),
        recipe(tmp_path, ["blend.holdout_by_group=true"]),
        gb.Examples(x, y, group=groups),
        seed=0,
        workdir=tmp_path,
    )
    assert job.groups("holdout_by_group") is groups
    assert job.groups("offline_by_group") is None
