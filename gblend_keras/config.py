"""Settings as frozen dataclasses: the one place where a default lives."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from typing import Any
from typing import Literal

TOWER_KINDS = (
    "auto",
    "mlp",
    "conv1d",
    "conv2d",
    "conv3d",
    "resnet3d",
    "r2plus1d",
    "csn",
    "audio_resnet",
    "pointnet",
    "transformer",
    "application",
    "hub",
)
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
FUSIONS = (
    "concat",
    "sum",
    "low_rank",
    "film",
    "mid_concat",
    "se_gate",
    "non_local",
    "bottleneck",
)


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raises unless `low <= value <= high`."""
    if not low <= value <= high:
        raise ValueError(
            f"`{name}` is out of range. Expected {low:g} to {high:g}. "
            f"Received: {name}={value}. Choose a value inside."
        )


def check_choice(
    name: str, value: str | int, choices: tuple[str | int, ...]
) -> None:
    """Raises unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"`{name}` is unknown. Expected one of {list(choices)}. "
            f"Received: {name}={value!r}. Choose one of them."
        )


def check_fusion(name: str) -> None:
    """Raises unless `name` is a fusion; close names are listed."""
    if name not in FUSIONS:
        close = difflib.get_close_matches(str(name), FUSIONS, n=3) or FUSIONS
        raise ValueError(
            f"`fusion` is unknown. Expected one of {list(FUSIONS)}. "
            f"Received: fusion={name!r}. Did you mean {' or '.join(close)}?"
        )


@dataclasses.dataclass(frozen=True)
class BlendSettings:
    """How a blend is estimated.

    Attributes:
        measure: What G and O are made of: "loss" or "accuracy". The paper
            finds both as good (section 2.4).
        weight_floor: Smallest weight of a head, in [0, 1 / heads).
        weights_from: "estimate" for the weights that G and O give, the
            paper's; "bootstrap" for their mean over bootstrap samples, which
            moves less where the measurement is noisy.
        return_holdout: Online: V is trained on in the last super-epoch.
        bootstrap_samples: Samples behind the 95 % interval of each weight.
        seed: Seeds T', folds and the bootstrap.
    """

    measure: Literal["loss", "accuracy"] = "loss"
    weight_floor: float = 0.01  # a head that gets nothing cannot serve alone
    weights_from: Literal["estimate", "bootstrap"] = "estimate"
    return_holdout: bool = True  # nothing is measured on it any more
    bootstrap_samples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("measure", self.measure, ("loss", "accuracy"))
        check_choice(
            "weights_from", self.weights_from, ("estimate", "bootstrap")
        )
        check_range("weight_floor", self.weight_floor, 0.0, 0.5)
        check_range("bootstrap_samples", self.bootstrap_samples, 1, 10**6)


@dataclasses.dataclass(frozen=True)
class BlendConfig:
    """How a run blends: methods "online", "offline"; "early_stopping" its V.

    Attributes:
        first_super_epoch: Epochs before the second online estimate.
        super_epoch: Epochs between later online estimates.
        holdout_fraction: Online: share of the training set in V.
        holdout_by_group: Online: hold out whole groups (subjects, speakers).
        offline_fraction: Offline: share of the training set in V, which may
            be large, for V goes back into training.
        offline_by_group: Offline: hold out whole groups.
        return_holdout: Online: V is trained on in the last super-epoch.
        folds: Offline: hold out every example once, in so many folds, instead
            of one V; by group with `offline_by_group`. 0 for one V.
        measure: See `BlendSettings`.
        weight_floor: See `BlendSettings`.
        weights_from: See `BlendSettings`.
    """

    first_super_epoch: int = 10  # the paper's, section 3.3
    super_epoch: int = 5  # the paper's
    holdout_fraction: float = 0.08  # the paper's, for Kinetics
    holdout_by_group: bool = False
    offline_fraction: float = 0.08
    offline_by_group: bool = False
    return_holdout: bool = True  # nothing is measured on it any more
    folds: int = 0
    measure: Literal["loss", "accuracy"] = "loss"
    weight_floor: float = 0.01
    weights_from: Literal["estimate", "bootstrap"] = "estimate"

    def __post_init__(self) -> None:
        check_range("blend.first_super_epoch", self.first_super_epoch, 1, 10**6)
        check_range("blend.super_epoch", self.super_epoch, 1, 10**6)
        check_range("blend.holdout_fraction", self.holdout_fraction, 0.001, 0.9)
        check_range("blend.offline_fraction", self.offline_fraction, 0.001, 0.9)
        check_range("blend.folds", self.folds, 0, 10**4)
        check_choice("blend.measure", self.measure, ("loss", "accuracy"))
        check_choice(
            "blend.weights_from", self.weights_from, ("estimate", "bootstrap")
        )
        check_range("blend.weight_floor", self.weight_floor, 0.0, 0.5)


@dataclasses.dataclass(frozen=True)
class ClipConfig:
    """How clips are cut out of videos; the defaults are the paper's.

    Attributes:
        task: Which labels: "label", or EPIC's "verb", "noun" or "action".
        num_frames: Frames of a clip.
        stride: Every how many-th frame of the video is one of them.
        crop_size: Height and width of a clip.
        jitter: Training: the short side is drawn from this range.
        short_side: Evaluation: the short side before the crop.
        mirror: Training: half of the clips are mirrored.
        sound: "log_mel" for VMZ's 100 x 40 picture of the clip's span, or
            "spectrogram" for EPIC's 256 x 256 of 1.279 s.
        spec_augment: Training: masks a band and a span of the sound.
        clips_per_epoch: Training: clips of one video in one epoch.
        shuffle_buffer: Videos that are shuffled at a time, beside the shards.
        in_memory: Keep all records in memory: small sets.
    """

    task: str = "label"
    num_frames: int = 16  # the paper's ablations
    stride: int = 2  # VMZ's --sampling_rate_rgb
    crop_size: int = 224
    jitter: tuple[int, int] = (256, 320)  # remembered, for crops of 224
    short_side: int = 256
    mirror: bool = True
    sound: Literal["log_mel", "spectrogram"] = "log_mel"
    spec_augment: bool = False
    clips_per_epoch: int = 1
    shuffle_buffer: int = 512
    in_memory: bool = False

    def __post_init__(self) -> None:
        check_choice("clips.sound", self.sound, ("log_mel", "spectrogram"))
        for name in ("num_frames", "stride", "clips_per_epoch"):
            check_range(f"clips.{name}", getattr(self, name), 1, 10**4)
        check_range("clips.shuffle_buffer", self.shuffle_buffer, 1, 10**7)
        check_range("clips.crop_size", self.crop_size, 1, 10**4)
        sides = (*self.jitter, self.short_side)
        if len(self.jitter) != 2 or self.jitter[0] > self.jitter[1]:
            raise ValueError(
                "`clips.jitter` is no range. Expected two numbers, the lower "
                f"first. Received: jitter={self.jitter}. Use 256,320."
            )
        if min(sides) < self.crop_size:
            raise ValueError(
                "`clips.crop_size` is larger than a short side. Expected at "
                f"most {min(sides)}, the least of `jitter` and `short_side`. "
                f"Received: crop_size={self.crop_size}. Lower it."
            )


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Where examples come from.

    Attributes:
        dataset: Name of a set in `data.sets`. "records" are shards that
            `tools/prepare_data.py` wrote; "videos" are video files, decoded
            anew each time: for small sets.
        path: File or folder of the set, below `--data_dir` when relative.
        annotations: Of "videos": the annotation file, below `--data_dir`
            when relative.
        manifest: Of "videos": what kind of annotation file; see
            `data.manifest`.
        clips: Of "records" and "videos": how clips are cut.
        modalities: Which modalities are used, in order; empty for all.
        evaluate_on: "test"; or "validation", to choose settings on a part of
            the training set that is then not trained on.
        validation_fraction: Share of the training set in that part.
        batch_size: Examples a step.
    """

    dataset: str = "digits"
    path: str = ""
    annotations: str = ""
    manifest: str = "csv"
    clips: ClipConfig = ClipConfig()
    modalities: tuple[str, ...] = ()
    evaluate_on: Literal["test", "validation"] = "test"
    validation_fraction: float = 0.2
    batch_size: int = 32

    def __post_init__(self) -> None:
        check_choice(
            "data.evaluate_on", self.evaluate_on, ("test", "validation")
        )
        check_range(
            "data.validation_fraction", self.validation_fraction, 0.01, 0.9
        )
        check_range("data.batch_size", self.batch_size, 1, 10**6)


@dataclasses.dataclass(frozen=True)
class TowerConfig:
    """One tower of a recipe.

    Attributes:
        kind: One of `TOWER_KINDS`; "auto" goes by the number of axes of an
            example, 1, 2, 3 or 4: "mlp", "conv1d", "conv2d" or "conv3d".
        widths: Of these four: units or filters of each layer or stage.
        dropout: Of these four: share of the features dropped in training.
        depth: Of residual towers: 18, 34, 50, 101 or 152; 0 for the
            builder's default.
        variant: "ip" or "ir" for csn, a name for application, a handle for
            hub; "" for the builder's default.
        standardise: "channel" or "element": subtract the mean and divide by
            the deviation of the training set, over all but the last axis or
            over examples alone; "none".
        frozen: Nothing of the tower is trained, and its batch-norm uses what
            it knows: for weights that `--init_from` has put there.
        learning_rate_factor: Factor on the tower's learning rate, below 1 to
            keep closer to where it starts.
    """

    kind: str = "auto"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    dropout: float = 0.0
    depth: int = 0
    variant: str = ""
    standardise: Literal["channel", "element", "none"] = "channel"
    frozen: bool = False
    learning_rate_factor: float = 1.0

    def __post_init__(self) -> None:
        check_choice("towers.kind", self.kind, TOWER_KINDS)
        check_choice("towers.depth", self.depth, (0, 18, 34, 50, 101, 152))
        check_choice(
            "towers.standardise",
            self.standardise,
            ("channel", "element", "none"),
        )
        check_range("towers.dropout", self.dropout, 0.0, 0.99)
        check_range("towers.widths", min(self.widths, default=0), 1, 10**6)
        check_range(
            "towers.learning_rate_factor", self.learning_rate_factor, 1e-6, 1e3
        )
        if self.frozen and self.learning_rate_factor != 1.0:
            raise ValueError(
                "`towers.learning_rate_factor` contradicts `frozen`. Expected "
                "1 for a tower that is not trained. Received: "
                f"learning_rate_factor={self.learning_rate_factor}. "
                "Leave out one of the two."
            )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        epochs: Passes over the training set.
        optimizer: "sgd" (the paper's best) or "adam".
        learning_rate: At the start.
        momentum: Of SGD.
        drop_at: When the learning rate is divided by 10, as shares of the
            epochs.
        nesterov: Whether the momentum is Nesterov's.
        warmup_epochs: Epochs over which the rate grows from near 0.
        weight_decay: Decoupled from the momentum; 0 for none.
        l2: Weight decay inside the momentum, as Caffe2 and PyTorch mean it
            for SGD: kernels add `l2 / 2 * |w|**2` to the loss; 0 for none.
        per_replica: Batch size and learning rate are one replica's, and are
            multiplied by the number of replicas.
        gradient_accumulation_steps: Batches whose gradients are averaged into
            one update.
        precision: "float32", or "mixed_bfloat16" or "mixed_float16": the
            Keras policy of the towers. Heads and losses stay float32.
        steps_per_execution: Steps between two calls of the callbacks.
        jit_compile: Compile the step with XLA; not on several CPUs.
        loss_scale: Factor on the blended loss; 0 for the number of heads.
        hidden_units: Of the joint head; 0 for the widest tower's features.
        fusion_dropout: Share of the concatenated features dropped.
    """

    epochs: int = 24
    optimizer: Literal["sgd", "adam"] = "sgd"
    learning_rate: float = 0.05
    momentum: float = 0.9  # the paper's
    drop_at: tuple[float, ...] = (2 / 3,)
    nesterov: bool = False
    warmup_epochs: int = 0
    weight_decay: float = 0.0
    l2: float = 0.0
    per_replica: bool = False
    gradient_accumulation_steps: int = 1
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    steps_per_execution: int = 1
    jit_compile: bool = False
    loss_scale: float = 0.0
    hidden_units: int = 0
    fusion_dropout: float = 0.0

    def __post_init__(self) -> None:
        check_range("train.epochs", self.epochs, 1, 10**6)
        check_choice("train.optimizer", self.optimizer, ("sgd", "adam"))
        check_range("train.learning_rate", self.learning_rate, 1e-12, 1e3)
        check_range("train.momentum", self.momentum, 0.0, 0.9999)
        check_range("train.warmup_epochs", self.warmup_epochs, 0, 10**6)
        check_range("train.weight_decay", self.weight_decay, 0.0, 1.0)
        check_range("train.l2", self.l2, 0.0, 1.0)
        check_choice("train.precision", self.precision, PRECISIONS)
        for name in ("gradient_accumulation_steps", "steps_per_execution"):
            check_range(f"train.{name}", getattr(self, name), 1, 10**6)
        check_range("train.loss_scale", self.loss_scale, 0.0, 1e6)
        check_range("train.hidden_units", self.hidden_units, 0, 10**6)
        check_range("train.fusion_dropout", self.fusion_dropout, 0.0, 0.99)
        for share in self.drop_at:
            check_range("train.drop_at", share, 0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class FusionConfig:
    """How towers are joined; see `network.fuse` for the fusions.

    A setting that is 0 or empty is left to the fusion. One that the fusion
    does not have is an error.

    Attributes:
        name: One of `FUSIONS`.
        stage: Mid-level fusions: the stage of the towers.
        base: "mid_concat": the modality whose later stages are used.
        modulated: "film": the modality that the others modulate.
        rank: "low_rank": number of terms.
        reduction: "se_gate": channels per hidden unit of a gate.
        num_tokens: "bottleneck": tokens.
        num_layers: "bottleneck": layers.
        num_heads: "bottleneck": attention heads.
    """

    name: str = "concat"  # the paper's
    stage: str = ""
    base: str = ""
    modulated: str = ""
    rank: int = 0
    reduction: int = 0
    num_tokens: int = 0
    num_layers: int = 0
    num_heads: int = 0

    def __post_init__(self) -> None:
        check_fusion(self.name)
        for name, value in self.options().items():
            if isinstance(value, int):
                check_range(f"fusion.{name}", value, 0, 10**6)

    def options(self) -> dict[str, Any]:
        """Returns what is set, as options of `network.fuse`."""
        settings = dataclasses.asdict(self)
        del settings["name"]
        return {name: value for name, value in settings.items() if value}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that a run is, but its seed, its folder and its blend.

    Attributes:
        name: Name of the recipe.
        data: Where examples come from.
        towers: `{modality: tower}`; modalities without one get `TowerConfig`.
        train: How the network is trained.
        blend: How the blend is estimated.
        fusion: How towers are joined.
        methods: `{method: {option: value}}`, see `gblend_keras.methods`.
    """

    name: str
    data: DataConfig = DataConfig()
    towers: Mapping[str, TowerConfig] = dataclasses.field(default_factory=dict)
    train: TrainConfig = TrainConfig()
    blend: BlendConfig = BlendConfig()
    fusion: FusionConfig = FusionConfig()
    methods: Mapping[str, Mapping[str, float]] = dataclasses.field(
        default_factory=dict
    )

    def to_json(self) -> dict[str, Any]:
        """Returns the recipe as plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Recipe":
        """Returns the recipe that `to_json` described.

        Settings that the values lack, because an earlier version wrote them,
        get their defaults.

        Raises:
            ValueError: If a setting is unknown or its value does not fit.
        """
        recipe: Recipe = _from_plain(cls, values)
        return recipe


def _from_plain(kind: Any, values: Mapping[str, Any]) -> Any:
    """Builds a dataclass out of plain values, and those inside it."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ValueError(
            "The recipe has unknown settings. Expected some of "
            f"{sorted(hints)}. Received: {unknown}. "
            "It was written by another version; use that one."
        )
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            value = _from_plain(hint, value)
        elif typing.get_origin(hint) is Mapping:
            part = typing.get_args(hint)[1]
            value = {
                key: _from_plain(part, each)
                if dataclasses.is_dataclass(part)
                else each
                for key, each in value.items()
            }
        elif isinstance(value, list):
            value = tuple(value)
        arguments[name] = value
    return kind(**arguments)


def with_settings(recipe: Recipe, settings: list[str]) -> Recipe:
    """Returns the recipe with settings changed, as `--set` gives them.

    Args:
        recipe: Where to start from.
        settings: Each "section.key=value", "towers.MODALITY.key=value" or
            "methods.METHOD.key=value". A tuple's values are separated by
            commas.

    Raises:
        ValueError: If a setting has no "=", its key is unknown, or its value
            is not of the key's type.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(
                "`--set` lacks a value. Expected key=value. "
                f"Received: --set {setting}. Write train.epochs=10, say."
            )
        recipe = _with_setting(recipe, key.strip(), text.strip())
    return recipe


def _with_setting(recipe: Recipe, key: str, text: str) -> Recipe:
    section, _, rest = key.partition(".")
    if section == "towers":
        modality, _, field = rest.partition(".")
        tower = recipe.towers.get(modality, TowerConfig())
        towers = {**recipe.towers, modality: _changed(tower, field, text, key)}
        return dataclasses.replace(recipe, towers=towers)
    if section == "methods":
        name, _, option = rest.partition(".")
        value = {option: _parsed(text, float, key)}
        changed = {**recipe.methods.get(name, {}), **value}
        return dataclasses.replace(
            recipe, methods={**recipe.methods, name: changed}
        )
    if section == "clips":
        clips = _changed(recipe.data.clips, rest, text, key)
        data = dataclasses.replace(recipe.data, clips=clips)
        return dataclasses.replace(recipe, data=data)
    if section not in ("data", "train", "blend", "fusion"):
        raise ValueError(
            "`--set` has an unknown key. Expected data.*, clips.*, "
            "towers.MODALITY.*, train.*, blend.*, fusion.* or "
            f"methods.METHOD.*. Received: {key}. "
            "See the recipe.json of a run for all keys."
        )
    part = _changed(getattr(recipe, section), rest, text, key)
    return dataclasses.replace(recipe, **{section: part})


def _changed(part: Any, field: str, text: str, key: str) -> Any:
    hints = typing.get_type_hints(type(part))
    if field not in hints:
        raise ValueError(
            f"`--set` has an unknown key. Expected one of {sorted(hints)} "
            f"after '{key.removesuffix(field)}'. Received: {key}. "
            "Check the spelling."
        )
    return dataclasses.replace(
        part, **{field: _parsed(text, hints[field], key)}
    )


def _parsed(text: str, hint: Any, key: str) -> Any:
    try:
        if typing.get_origin(hint) is tuple:
            kind = typing.get_args(hint)[0]
            return tuple(kind(each) for each in text.split(",") if each.strip())
        if hint is bool:
            return {"true": True, "false": False}[text.lower()]
        if hint in (int, float, str):
            return hint(text)
        return text  # a Literal: checked by the dataclass
    except (ValueError, KeyError) as error:
        name = hint.__name__ if isinstance(hint, type) else str(hint)
        if isinstance(hint, types.GenericAlias):
            name = str(hint)
        raise ValueError(
            f"`--set {key}` has a value of a wrong type. Expected {name}. "
            f"Received: {text!r}. Correct the value."
        ) from error
