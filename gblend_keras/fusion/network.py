"""Towers, heads and fusion: one functional model with output {head: logits}."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from gblend_keras.fusion import _parts
from gblend_keras.fusion import registry
from gblend_keras.heads import BLEND
from gblend_keras.heads import JOINT
from gblend_keras.heads import POOL


def late_fusion(
    towers: Mapping[str, keras.Model],
    num_classes: int,
    *,
    hidden_units: int | None = None,
    dropout: float = 0.0,
    name: str = "late_fusion",
) -> keras.Model:
    """Builds the network of Gradient-Blending from one tower a modality.

    Each tower's features go to a classifier of their own, a single dense
    layer, and, concatenated, to the joint classifier. The towers are used as
    they are: their weights, names and `trainable` flags stay theirs.

    Source: Wang, Tran & Feiszli, CVPR 2020, Fig. 2c and section 3.1.
    Ours: the paper's towers all give 2,048 features and its hidden layers have
    as many units; where towers differ, the widest one decides.

    Args:
        towers: `{modality: tower}`. A tower is a functional or sequential
            model from one input to features `(batch, features)`.
        num_classes: Number of classes, at least 2; or of labels.
        hidden_units: Units of the two hidden layers of the joint head. None:
            as many as the widest tower has features.
        dropout: Share of the concatenated features dropped in training.
        name: Name of the model.

    Returns:
        A functional model `{modality: input} -> {head: logits}` with heads
        named like the modalities, then `joint`.

    Raises:
        ValueError: If a tower, a name or a number does not fit.
        TypeError: If a tower is not a keras.Model.

    Example:
        >>> import gblend_keras as gb
        >>> towers = {
        ...     "rgb": gb.build_mlp((6,), name="rgb_tower"),
        ...     "audio": gb.build_mlp((4,), name="audio_tower"),
        ... }
        >>> network = gb.late_fusion(towers, num_classes=5)
        >>> {head: logits.shape for head, logits in network.output.items()}
        {'rgb': (None, 5), 'audio': (None, 5), 'joint': (None, 5)}
    """
    return fuse(
        towers,
        num_classes,
        hidden_units=hidden_units,
        dropout=dropout,
        name=name,
    )


def fuse(
    towers: Mapping[str, keras.Model],
    num_classes: int,
    *,
    fusion: str = "concat",
    hidden_units: int | None = None,
    dropout: float = 0.0,
    name: str = "fusion",
    **options: Any,
) -> keras.Model:
    """Builds a network for Gradient-Blending with a fusion by name.

    "concat" (the paper's, as `late_fusion`), "sum", "low_rank" and "film"
    join feature vectors. "mid_concat", "se_gate", "non_local" and
    "bottleneck" join the towers at a stage, which they must name (see
    `towers.stages`). With the last three, modalities meet before their own
    heads: these are no longer independent, and an estimate of the blend
    trains them one by one, k + 1 passes instead of two.

    Args:
        towers: `{modality: tower}`. A tower is a functional or sequential
            model from one input to features `(batch, features)`.
        num_classes: Number of classes, at least 2; or of labels.
        fusion: One of `config.FUSIONS`.
        hidden_units: Units of the hidden layers of the joint head. None: as
            many as the widest tower has features ("mid_concat": no layers).
        dropout: Share of the fused features dropped in training.
        name: Name of the model.
        **options: The fusion's own: `rank` ("low_rank"), `modulated`
            ("film"), `stage` (all mid-level ones), `base` ("mid_concat"),
            `reduction` ("se_gate"), `num_tokens`, `num_layers`, `num_heads`
            ("bottleneck"). Its builder in `gblend_keras.fusion` says more.

    Returns:
        A functional model `{modality: input} -> {head: logits}` with heads
        named like the modalities, then `joint`.

    Raises:
        ValueError: If a tower, a name, an option or a number does not fit.
        TypeError: If a tower is not a keras.Model.

    Example:
        >>> import gblend_keras as gb
        >>> towers = {
        ...     "rgb": gb.build_mlp((6,), name="rgb_tower"),
        ...     "audio": gb.build_mlp((4,), name="audio_tower"),
        ... }
        >>> network = gb.fuse(towers, 5, fusion="low_rank", rank=2)
        >>> sorted(network.input)
        ['audio', 'rgb']
    """
    _check_arguments(towers, num_classes, hidden_units, dropout)
    registry.check_options(fusion, options)
    for modality, tower in towers.items():
        check_tower(modality, tower)
    different = {id(tower): tower.name for tower in towers.values()}
    names = list(different.values())
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ValueError(
            "`towers` has different models of one name. Expected a name of "
            f"its own for each. Received: {twice} twice. "
            "Pass `name=` when you build them."
        )
    inputs: dict[str, keras.KerasTensor] = {}
    for modality, tower in towers.items():
        template = tower.inputs[0]
        inputs[modality] = keras.Input(
            template.shape[1:], dtype=template.dtype, name=modality
        )
    joint = _parts.JointHead(num_classes, hidden_units, dropout)
    fused = registry.build_fusion(
        fusion, _parts.TowerCalls(towers, inputs), joint, options
    )
    logits = {
        modality: layers.Dense(
            num_classes, dtype="float32", name=f"{modality}_head"
        )(feature)
        for modality, feature in fused.features.items()
    }
    logits[JOINT] = fused.joint_logits(joint)
    return keras.Model(inputs, logits, name=name)


def tower_models(network: keras.Model, modality: str) -> list[keras.Model]:
    """Finds a modality's tower in a network.

    Args:
        network: Functional model `{modality: input} -> {head: logits}`.
        modality: One of its inputs.

    Returns:
        The tower; or its lower and its upper part where a fusion has cut it
        at a stage.

    Raises:
        ValueError: If there is none.
    """
    names = [f"{modality}_tower{part}" for part in ("", "_lower", "_upper")]
    inner = [each for each in network.layers if isinstance(each, keras.Model)]
    found = [each for each in inner if each.name in names]
    if not found and modality in network.output:
        # A tower that its maker gave another name: what its head reads.
        part = keras.Model(network.input, network.output[modality])
        found = [each for each in part.layers if isinstance(each, keras.Model)]
    if not found:
        raise ValueError(
            f"There is no tower of modality '{modality}'. Expected a model "
            f"named '{names[0]}' in the network. Received: "
            f"{[each.name for each in inner]}. Check the modality's name."
        )
    return found


def tower_variables(network: keras.Model) -> dict[str, set[int]]:
    """Finds what each modality's head shares with the joint head: its tower.

    Args:
        network: Functional model `{modality: input} -> {head: logits}`.

    Returns:
        `{modality head: ids of variables}`.

    Raises:
        ValueError: If two modality heads depend on one variable.
    """
    of_head = {
        head: {
            id(variable)
            for variable in keras.Model(network.input, output).variables
        }
        for head, output in network.output.items()
    }
    shared_with = of_head.pop(JOINT)
    seen: set[int] = set()
    for head, variables in of_head.items():
        if variables & seen:
            raise ValueError(
                "This method needs towers that no other modality enters. "
                f"Expected late fusion. Received: head '{head}' shares "
                "weights with another modality's head. "
                "Set fusion.name=concat, or choose another method."
            )
        seen |= variables
    return {head: found & shared_with for head, found in of_head.items()}


def check_tower(modality: str, tower: object) -> None:
    """Raises unless `tower` maps one input to a feature vector."""
    if not isinstance(tower, keras.Model):
        raise TypeError(
            f"Tower '{modality}' is not a model. Expected a keras.Model from "
            f"one input to features. Received: {type(tower).__name__}. "
            "Wrap it in keras.Sequential or keras.Model."
        )
    try:
        inputs, outputs = tower.inputs, tower.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise ValueError(
            f"Tower '{modality}' has no known input. Expected a functional or "
            "sequential model that starts with keras.Input. "
            f"Received: {tower.name}, not built. "
            "Use keras.Sequential([keras.Input(shape), tower])."
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"Tower '{modality}' has more than one input or output. "
            "Expected one input and one feature vector. "
            f"Received: {len(inputs)} inputs, {len(outputs)} outputs. "
            "Give each input a tower of its own."
        )
    if len(outputs[0].shape) != 2 or outputs[0].shape[-1] is None:
        raise ValueError(
            f"Tower '{modality}' does not end in a feature vector. Expected "
            "an output of shape (batch, features). "
            f"Received: {outputs[0].shape}. End it with global pooling."
        )


def _check_arguments(
    towers: Mapping[str, keras.Model],
    num_classes: int,
    hidden_units: int | None,
    dropout: float,
) -> None:
    if not isinstance(towers, Mapping) or not towers:
        raise ValueError(
            "`towers` has no modality. Expected {modality: keras.Model}. "
            f"Received: towers={towers!r}. Pass at least one tower."
        )
    for name in towers:
        if not str(name).isidentifier() or name in (JOINT, BLEND, POOL):
            raise ValueError(
                "`towers` has a modality with a name that cannot be used. "
                "Expected letters, digits and underscores, other than "
                f"'{JOINT}', '{BLEND}' and '{POOL}'. Received: {name!r}. "
                "Rename it."
            )
    if not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(
            "`num_classes` is out of range. Expected an integer >= 1. "
            f"Received: num_classes={num_classes!r}. "
            "Pass the number of classes."
        )
    if hidden_units is not None and hidden_units < 1:
        raise ValueError(
            "`hidden_units` is out of range. Expected >= 1, or None. "
            f"Received: hidden_units={hidden_units}. Leave it out."
        )
    if not 0 <= dropout < 1:
        raise ValueError(
            "`dropout` is out of range. Expected 0 <= dropout < 1. "
            f"Received: dropout={dropout}. Use 0 for none."
        )
