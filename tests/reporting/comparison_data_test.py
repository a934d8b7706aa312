"""What the page of a comparison computes from runs, by hand."""

from gblend_keras.reporting import _comparison_data
from gblend_keras.reporting import run_data
from tests.reporting import folders_of


def run_with(ratios, tmp_path, name):
    """A run with one estimate of these OGRs."""
    folder = folders_of.write_run(tmp_path / name, history=0)
    ogr = dict(zip(folders_of.HEADS, ratios, strict=True))
    folders_of.write(
        folder / "blend_history.json", [folders_of.estimate(ogr=ogr)]
    )
    return run_data.read_run(folder)


def test_median_ogr_counts_no_generalisation_as_infinite(tmp_path):
    runs = [
        run_with((0.5, None, 1.0), tmp_path, "a"),
        run_with((1.5, 2.0, None), tmp_path, "b"),
        run_with((0.7, None, 3.0), tmp_path, "c"),
    ]
    assert _comparison_data.median_ratios(runs) == {
        "rgb": [0.7],
        "sound": [None],
        "joint": [3.0],
    }


def test_weights_are_averaged_over_seeds(tmp_path):
    entries = [
        folders_of.estimate(weights={"rgb": value, "joint": 1 - value})
        | {"intervals": {"rgb": [0.0, value], "joint": [0.5, 1.0]}}
        for value in (0.25, 0.75)
    ]
    runs = []
    for place, entry in enumerate(entries):
        folder = folders_of.write_run(tmp_path / str(place), history=0)
        folders_of.write(folder / "blend_history.json", [entry])
        runs.append(run_data.read_run(folder))
    (found,) = _comparison_data.mean_weights(runs)
    assert found.weights == {"rgb": 0.5, "joint": 0.5}
    assert found.intervals == {"rgb": [0.0, 0.5], "joint": [0.5, 1.0]}


def test_main_row_of_a_method_is_joint_or_the_ensemble():
    rows = [
        {"method": method, "answer": answer}
        for method, answer in (
            ("a", "rgb"),
            ("a", "ensemble"),
            ("b", "blend"),
            ("b", "joint"),
            ("c", "rgb"),
        )
    ]
    found = _comparison_data.main_rows(rows)
    assert [row["answer"] for row in found] == ["ensemble", "joint", "rgb"]


def test_best_modality_is_one_trained_by_itself(tmp_path):
    folder = folders_of.write_comparison(tmp_path)
    # rgb has 50 %, sound 41 %; online's heads are of a fused network.
    runs = _comparison_data.read(folder).runs
    assert _comparison_data.best_modality(runs) == ("modalities", "rgb")
