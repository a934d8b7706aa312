"""Keeps the package readable from top to bottom: imports point upwards."""

import ast

import pytest

from tests.places import ROOT

PACKAGE = ROOT / "gblend_keras"
# Reading order. A module may import only modules named before it.
ORDER = (
    "stopping",
    "files",
    "state_files",
    "config",
    "cluster",
    "paper",
    "bars",
    "workdirs",
    "recipes",
    "data.arrays",
    "data.npz",
    "data.holdout",
    "data.containers",
    "data.decoding",
    "data.waveforms",
    "data.media",
    "data.media_benchmark",
    "data.flow",
    "data.video",
    "data.audio",
    "data.mel",
    "data.audio_vmz",
    "data.spectrogram",
    "data.annotations",
    "data.manifest",
    "data.speech",
    "data.cache",
    "data.digits",
    "data.avmnist",
    "data.grid",
    "data.utd_mhad",
    "data.sources",
    "data.tfrecords",
    "data.example_proto",
    "data.sequence_examples",
    "data.record_types",
    "data.records",
    "data.parsing",
    "data.clips",
    "data.shard_library",
    "data.video_library",
    "data.clip_set",
    "data.clip_loading",
    "data.sets",
    "data.pipeline",
    "data.shares",
    "data.image_encoding",
    "data.encoding",
    "data.shards",
    "data.workers",
    "data.sharding",
    "data.run_folder",
    "data.preparing",
    "data.preparing_benchmark",
    "towers",
    "fusion",
    "network",
    "checkpoints",
    "progress",
    "blending.ogr",
    "blending.estimate",
    "blending.history",
    "blending.losses",
    "blending.measuring",
    "blending.fitting",
    "blending.accumulating",
    "blending.replicas",
    "blending.loops",
    "blending.rules",
    "blending.rule_step",
    "blending.rates",
    "blending.checks",
    "blending.available",
    "blending.model",
    "blending.phases",
    "blending.snapshot",
    "blending.journal",
    "blending.probe",
    "blending.passes",
    "blending.estimators",
    "blending.callback",
    "runs",
    "evaluation.libraries",
    "evaluation.metrics",
    "evaluation.views",
    "evaluation.actions",
    "evaluation.subsets",
    "evaluation.predicting",
    "evaluation.absent",
    "evaluation.scores",
    "evaluation.evaluate",
    "evaluation.tables",
    "evaluation.runs",
    "building",
    "checkpointing",
    "methods",
    "distribution",
    "wording",
    "comparison.cells",
    "comparison.remarks",
    "reporting",
    "failures",
    "predicting",
    "zoo",
    "watching",
    "matching",
    "initialising",
    "finishing",
    "training",
    "comparison.statistics",
    "comparison.tuning",
    "comparison.tasks",
    "comparison.workers",
    "comparison.report",
    "comparison.tables",
    "comparison.planning",
    "comparison.protocol",
    "estimating",
    "benchmarks",
    "data_benchmarks",
    "training_benchmark",
    "export_formats",
    "export_signatures",
    "exporting",
)


def unit_of(name):
    """The entry of ORDER that a module belongs to."""
    parts = name.split(".")
    for length in (2, 1):
        if ".".join(parts[:length]) in ORDER:
            return ".".join(parts[:length])
    return None


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.split(".")[0] == "gblend_keras":
                rest = node.module.split(".")[1:]
                for alias in node.names:
                    yield ".".join([*rest, alias.name])


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if not name.endswith("__init__") or name in (
            "recipes.__init__",
            "methods.__init__",
        ):
            yield path, name


@pytest.mark.parametrize(
    "path, name", list(modules()), ids=lambda value: str(value)
)
def test_imports_follow_the_reading_order(path, name):
    unit = unit_of(name)
    assert unit is not None, f"{name} has no place in ORDER"
    earlier = ORDER[: ORDER.index(unit) + 1]
    for each in imported(ast.parse(path.read_text())):
        assert unit_of(each) in earlier, f"{name} imports {each}"


def test_nothing_of_the_package_imports_the_tools():
    for path in PACKAGE.rglob("*.py"):
        assert "from tools" not in path.read_text(), path


def test_arithmetic_needs_numpy_alone():
    tree = ast.parse((PACKAGE / "blending" / "ogr.py").read_text())
    names = {
        alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert names == {"numpy"}
