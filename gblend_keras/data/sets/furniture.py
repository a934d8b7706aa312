"""Sweet Home 3D furniture: 672 objects as picture, words, points and size.

Real catalogue entries of free furniture libraries (sweethome3d.com), in the
`.npz` form of the folder `furniture`; its credits.csv names the author and the
licence of each object. Objects that are nearly the same are one group: hold
out by group.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from gblend_keras.data import example_set
from gblend_keras.data import npz
from gblend_keras.data.sets import class_list

IntArray = npt.NDArray[np.int64]

UNKNOWN = 1  # the id of a word that is not in the vocabulary; 0 is no word


def load(folder: str | Path) -> example_set.Splits:
    """Loads the objects: 434 to train, 238 to test, of 10 rooms or kinds.

    `image` is the catalogue's icon, shape (64, 64, 3), 0 to 255; `text` the
    bag of words of name and tags, shape (words,): how often each word occurs,
    the first number that of unknown words; `points` lie on the surface, shape
    (512, 3), mean 0, the farthest at radius 1; `size` is the logarithm of
    width, depth and height in cm, shape (3,).

    Ours: a word that occurs once in train.npz counts as unknown. The
    vocabulary is made of train.npz, so there no word would be unknown, but 28
    % of the words of test.npz are: a network would meet an input that it was
    not trained on.

    Args:
        folder: The folder with train.npz, test.npz and classes.json.

    Returns:
        The splits, with near-duplicates as one group.

    Raises:
        ValueError: If a file is missing, damaged or lacks an array.
    """
    root = Path(folder)
    train, test = (_stored(root / f"{name}.npz") for name in ("train", "test"))
    words = known_words(train["text_ids"])
    return example_set.Splits(
        train=_examples(train, words),
        test=_examples(test, words),
        class_names=class_list.read(root / "classes.json"),
    )


def known_words(ids: IntArray) -> IntArray:
    """Returns the words that occur at least twice.

    Args:
        ids: Ids of the words of each text, padded with 0: `(N, positions)`.

    Returns:
        Their ids, sorted, shape `(known,)`.
    """
    words, counts = np.unique(ids[ids > UNKNOWN], return_counts=True)
    return words[counts > 1]


def bag_of_words(ids: IntArray, words: IntArray) -> npt.NDArray[np.float32]:
    """Counts the words of each text.

    Args:
        ids: Ids of the words of each text, padded with 0: `(N, positions)`.
        words: The ids of known words, sorted, shape `(known,)`.

    Returns:
        Shape `(N, 1 + known)`: the unknown words first.
    """
    bag = np.zeros((len(ids), 1 + len(words)), np.float32)
    texts, places = np.nonzero(ids)
    found = ids[texts, places]
    column = np.where(
        np.isin(found, words), 1 + np.searchsorted(words, found), 0
    )
    np.add.at(bag, (texts, column), 1)
    return bag


def _stored(path: Path) -> dict[str, example_set.Array]:
    stored = npz.read_npz(path)
    npz.check_names(
        path, stored, ("image", "text_ids", "points", "size", "y", "group")
    )
    return stored


def _examples(
    stored: dict[str, example_set.Array], words: IntArray
) -> example_set.Examples:
    return example_set.Examples(
        x={
            "image": stored["image"],
            "text": bag_of_words(stored["text_ids"], words),
            "points": stored["points"].astype(np.float32),
            "size": stored["size"].astype(np.float32),
        },
        y=stored["y"].astype(np.int64),
        group=stored["group"],
    )
