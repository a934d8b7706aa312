"""The fusions by name."""

import inspect
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from gblend_keras import config
from gblend_keras.fusion import _parts
from gblend_keras.fusion import bottleneck
from gblend_keras.fusion import concat
from gblend_keras.fusion import film
from gblend_keras.fusion import low_rank
from gblend_keras.fusion import mid_concat
from gblend_keras.fusion import non_local
from gblend_keras.fusion import se_gate
from gblend_keras.fusion import sum as sum_fusion

BUILDERS: dict[str, Callable[..., _parts.Fused]] = {
    "concat": concat.build_concat,
    "sum": sum_fusion.build_sum,
    "low_rank": low_rank.build_low_rank,
    "film": film.build_film,
    "mid_concat": mid_concat.build_mid_concat,
    "se_gate": se_gate.build_se_gate,
    "non_local": non_local.build_non_local,
    "bottleneck": bottleneck.build_bottleneck,
}


def option_names(fusion: str) -> list[str]:
    """Returns the options that a fusion takes, by name.

    Raises:
        ValueError: If there is no such fusion.
    """
    config.check_fusion(fusion)
    parameters = inspect.signature(BUILDERS[fusion]).parameters.values()
    return [each.name for each in parameters if each.kind == each.KEYWORD_ONLY]


def build_fusion(
    fusion: str,
    calls: _parts.TowerCalls,
    joint: _parts.JointHead,
    options: Mapping[str, Any],
) -> _parts.Fused:
    """Builds a fusion by name.

    Args:
        fusion: One of `config.FUSIONS`.
        calls: Towers and their inputs.
        joint: Settings of the joint head.
        options: The fusion's own, see `option_names`.

    Raises:
        ValueError: If there is no such fusion, or it has no such option.
    """
    check_options(fusion, options)
    return BUILDERS[fusion](calls, joint, **options)


def check_options(fusion: str, options: Mapping[str, Any]) -> None:
    """Raises unless the fusion exists and takes these options."""
    known = option_names(fusion)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"Fusion '{fusion}' has no such option. Expected some of {known}. "
            f"Received: {', '.join(unknown)}. "
            "Leave it out, or choose another fusion."
        )
