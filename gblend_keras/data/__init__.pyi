"""Data: from arrays and files to `({modality: tensor}, label)`."""

from .clips.clip_set import ClipExamples as ClipExamples
from .datasets import make_dataset as make_dataset
from .datasets import make_training_dataset as make_training_dataset
from .datasets import split_holdout as split_holdout
from .division import Division as Division
from .example_set import Examples as Examples
from .example_set import Splits as Splits
from .holdout import fold_indices as fold_indices
from .holdout import holdout_indices as holdout_indices
from .npz import read_npz as read_npz
from .npz import write_npz as write_npz
from .sets.registry import load as load
from .training_set import Holdout as Holdout
from .training_set import TrainingBatches as TrainingBatches
from .training_set import TrainingSet as TrainingSet
