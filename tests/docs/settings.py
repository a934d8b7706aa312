"""What surrounds the code of a page: data, towers, files, and shorter runs.

A page says `my_rgb_tower` or `"clip.mp4"`; here these come from.
"""

import dataclasses
import pickle
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import gblend_keras as gb
from tests import toy
from tests.converters import converter_test

Names = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Setting:
    """The setting of one page.

    Attributes:
        names: Makes what the code takes for granted. The working folder is a
            new one, for files.
        shorter: `{what the page says: what the test says instead}`.
        between: `{number of a block: changes the names before it runs}`.
        is_large: Whether the page takes more than a few seconds.
    """

    names: Callable[[], Names]
    shorter: Mapping[str, str] = dataclasses.field(default_factory=dict)
    between: Mapping[int, Callable[[Names], None]] = dataclasses.field(
        default_factory=dict
    )
    is_large: bool = False


def two_modalities(*names: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The toy arrays under other names."""
    x, y = toy.arrays(len(names))
    return dict(zip(names, x.values(), strict=True)), y


def readme() -> Names:
    data = two_modalities("rgb", "audio")
    return {
        "keras": keras,
        "my_rgb_tower": toy.tower("rgb", 6),
        "my_audio_tower": toy.tower("audio", 7),
        "dataset": data,
        "valid": data,
        "num_classes": toy.NUM_CLASSES,
    }


def annotations() -> Names:
    Path("videos").mkdir()
    header = "label,youtube_id,time_start,time_end,split\n"
    row = "{},{:0>11},2,12,{}\n"
    for split, file in (("train", "train.csv"), ("val", "val.csv")):
        rows = [
            row.format(name, f"{name}_{split}", split)
            for name in ("juggling", "yoga")
        ]
        Path(file).write_text(header + "".join(rows), encoding="utf-8")
    return {}


def evaluation() -> Names:
    x, y = toy.arrays(num_examples=30)
    y = np.sort(y)  # the views of a video have one label
    model = toy.model()
    examples = gb.Examples(x, y)
    return {
        "gb": gb,
        "model": model,
        "examples": examples,
        "clips": examples,
        "names": ["one", "two", "three"],
        "video_of_each_clip": [row // 5 for row in range(30)],
    }


def model_of(x: Names) -> gb.BlendedModel:
    towers = {
        name: toy.tower(name, values.shape[1]) for name, values in x.items()
    }
    model = gb.BlendedModel(gb.late_fusion(towers, toy.NUM_CLASSES))
    model.compile("sgd")
    return model


def answers() -> Names:
    x, y = two_modalities("image", "sound")
    return {"model": model_of(x), "x_valid": x, "y_valid": y}


def exporting() -> Names:
    x, _ = two_modalities("image", "sound")
    model = model_of(x)
    gb.export_model(model, "exported/digits", format="savedmodel")
    gb.export_model(model, "digits.tflite", format="tflite")
    gb.export_model(model, "digits.onnx", format="onnx", head="joint")
    return {name: values[:1] for name, values in x.items()}


def fine_tuning() -> Names:
    def towers(*names: str) -> dict[str, keras.Model]:
        return {
            name: gb.build_mlp((6,), widths=(4,), name=f"{name}_tower")
            for name in names
        }

    def model(*names: str) -> gb.BlendedModel:
        made = gb.BlendedModel(gb.late_fusion(towers(*names), 3))
        made.compile("sgd")
        return made

    runs = {
        "kinetics_online_0": ("rgb", "audio"),
        "a": ("rgb", "other"),
        "b": ("other", "sound"),
    }
    for name, modalities in runs.items():
        folder = Path("runs", name)
        folder.mkdir(parents=True)
        model(*modalities).save(folder / "model.keras")
    return {
        "towers": towers("rgb", "audio"),
        "other_model": model("rgb", "audio"),
    }


def media() -> Names:
    from tests.data import clip_files

    seconds, rate_hz = 13, 15
    times = np.arange(seconds * rate_hz) * 1000 // rate_hz
    sound = (clip_files.tone(seconds, 16000), 16000, "aac", 0.0)
    clip_files.write_clip("clip.mp4", times, size=(48, 64), sound=sound)
    return {}


def methods() -> Names:
    towers = {"rgb": toy.tower("rgb", 6), "audio": toy.tower("audio", 7)}
    return {
        "gb": gb,
        "network": gb.late_fusion(towers, 3),
        "dataset": two_modalities("rgb", "audio"),
    }


def networks() -> Names:
    inputs = keras.Input((4, 14, 14, 3))
    maps = keras.layers.Conv3D(8, (1, 3, 3), padding="same")(inputs)
    state = converter_test.mc3_state()
    Path("net.pkl").write_bytes(pickle.dumps(state, 4))
    gb.convert_checkpoint("torchvision", "net.pkl", "ip_csn_152.weights.h5")
    return {"gb": gb, "keras": keras, "inputs": inputs, "x": maps}


def _finish_tower(names: Names) -> None:
    x = keras.layers.Conv3D(4, 3, padding="same")(names["x"])
    x = keras.layers.GlobalAveragePooling3D()(x)
    names["tower"] = keras.Model(names["inputs"], x, name="own_tower")


def _small_towers(names: Names) -> None:
    names["towers"] = {
        "rgb": gb.build_resnet3d((4, 32, 32, 3), 18, name="rgb_tower"),
        "flow": gb.build_resnet3d((4, 32, 32, 2), 18, name="flow_tower"),
    }


def records() -> Names:
    from tests.data import recorded

    recorded.write(Path())
    shutil.move("records", "DIR")
    return {"tf": tf}


def resuming() -> Names:
    x, y = toy.arrays()
    train, holdout = gb.split_holdout((x, y), 0.25)
    return {
        "gb": gb,
        "Path": Path,
        "model": toy.model(),
        "train": train,
        "holdout": holdout,
    }


def scaling() -> Names:
    data = two_modalities("rgb", "audio")
    return {
        "gb": gb,
        "keras": keras,
        "tf": tf,
        "towers": {"rgb": toy.tower("rgb", 6), "audio": toy.tower("audio", 7)},
        "num_classes": toy.NUM_CLASSES,
        "examples": data,
    }


def videos() -> Names:
    from tests.data import recorded

    recorded.write(Path(), short_side=80)
    Path("DIR").mkdir()
    shutil.move("records", "DIR/grid_color")
    return {}


def zoo() -> Names:
    recipe = gb.zoo.recipe("digits_online")
    examples = gb.data.load(recipe.data, data_dir=None).test
    return {name: values[0] for name, values in examples.x.items()}


SETTINGS = {
    "README.md": Setting(readme, {"epochs=45": "epochs=3"}),
    "docs/annotations.md": Setting(annotations),
    "docs/answers.md": Setting(answers),
    "docs/evaluation.md": Setting(evaluation),
    "docs/export.md": Setting(exporting),
    "docs/fine_tuning.md": Setting(
        fine_tuning, {"num_classes=5": "num_classes=3"}
    ),
    "docs/media.md": Setting(media),
    "docs/methods.md": Setting(methods),
    "docs/networks.md": Setting(
        networks,
        {"(8, 14, 14, 1024)": "(4, 14, 14, 16)", "stage_3": "stage_2"},
        {1: _finish_tower, 2: _small_towers},
    ),
    "docs/records.md": Setting(records),
    "docs/resuming.md": Setting(resuming, {"epochs=45": "epochs=2"}),
    "docs/scaling.md": Setting(
        scaling,
        {
            '"multi_worker"': '"default"',
            "epochs=45": "epochs=1",
            "0.08": "0.25",
        },
    ),
    "docs/videos.md": Setting(
        videos, {"epochs=40": "epochs=1", "0.08": "0.25"}, is_large=True
    ),
    "docs/zoo.md": Setting(zoo),
}
