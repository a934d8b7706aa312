"""Every subset of modalities, and what each modality is worth."""

import itertools
import math
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

LARGEST = 8  # modalities; 255 subsets

Subset = tuple[str, ...]


def all_subsets(modalities: Sequence[str]) -> list[Subset]:
    """Returns every subset but the empty one, the smallest first.

    Args:
        modalities: k names; the order is kept inside a subset.

    Returns:
        2^k - 1 tuples.

    Raises:
        ValueError: If there are more than `LARGEST` modalities.

    Example:
        >>> import gblend_keras as gb
        >>> gb.evaluation.all_subsets(["rgb", "audio"])
        [('rgb',), ('audio',), ('rgb', 'audio')]
    """
    if len(modalities) > LARGEST:
        raise ValueError(
            "There are too many modalities for all their subsets. Expected at "
            f"most {LARGEST}. Received: {len(modalities)}. "
            "Turn subsets off."
        )
    return [
        subset
        for size in range(1, len(modalities) + 1)
        for subset in itertools.combinations(modalities, size)
    ]


def shapley_values(
    scores: Mapping[Subset, float], modalities: Sequence[str], *, empty: float
) -> dict[str, float]:
    """Computes what each modality adds, averaged over all orders of adding.

        phi_m = sum_S |S|! (k - |S| - 1)! / k! * (v(S + m) - v(S))

    over the subsets S without m. The values sum to v(all) - v(nothing).

    Source: Shapley, "A value for n-person games", 1953.

    Args:
        scores: `{subset: v}` for every subset but the empty one, its names
            in the order of `modalities`.
        modalities: The k names.
        empty: v of no modality at all.

    Returns:
        `{modality: phi}`.

    Example:
        >>> import gblend_keras as gb
        >>> scores = {("rgb",): 0.7, ("audio",): 0.5, ("rgb", "audio"): 0.8}
        >>> values = gb.evaluation.shapley_values(
        ...     scores, ["rgb", "audio"], empty=0.1
        ... )
        >>> {name: round(value, 2) for name, value in values.items()}
        {'rgb': 0.45, 'audio': 0.25}
    """
    worth = {**scores, (): empty}
    num = len(modalities)
    values = {}
    for modality in modalities:
        rest = [name for name in modalities if name != modality]
        total = 0.0
        for size in range(num):
            share = 1 / (num * math.comb(num - 1, size))
            for subset in itertools.combinations(rest, size):
                joined = tuple(
                    name
                    for name in modalities
                    if name in subset or name == modality
                )
                total += share * (worth[joined] - worth[subset])
        values[modality] = total
    return values


def score_subsets(
    score: Callable[[Subset], float], modalities: Sequence[str]
) -> dict[Subset, float]:
    """Applies `score` to every subset but the empty one."""
    return {subset: score(subset) for subset in all_subsets(modalities)}
