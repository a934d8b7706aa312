"""Your own arrays: a `.npz` with one array a modality, and `y`.

Optional arrays: `split` ("train", "validation", "test"), `group` and
`sample_weight`. A tower is chosen for each modality by its number of axes;
`--set towers.NAME.kind=conv1d` and so on choose another.

Run:     gblend train --recipe=arrays --set data.path=FILE.npz
Cost:    depends on your data
Expect:  depends on your data
Weights: none
Source:  yours
"""

from gblend_keras import config


def recipe() -> config.Recipe:
    """Returns the settings of this run."""
    return config.Recipe(
        name="arrays",
        data=config.DataConfig(dataset="arrays"),
        train=config.TrainConfig(epochs=30, learning_rate=0.02),
    )
