"""report.html of runs and comparisons, from folders made by hand."""

import html.parser
import json
import re
import subprocess
import sys

import numpy as np
import pytest

import gblend_keras as gb
from tests.places import ROOT
from tests.reporting import folders_of

VOID = ("meta", "link", "br", "img")


class Structure(html.parser.HTMLParser):
    """Fails on a tag that is not closed; remembers what it has seen."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.seen = []
        self.ids = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.seen.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def all(self, tag):
        return [attributes for name, attributes in self.seen if name == tag]


def page_of(folder):
    path = gb.reporting.write_report(folder)
    assert path == folder / "report.html"
    text = path.read_text(encoding="utf-8")
    return text, Structure(text)


def words_of(text):
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", text, flags=re.S)
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    return " ".join(plain.split())


def headings_of(text):
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_page_of_a_run_has_everything(tmp_path):
    folder = folders_of.write_run(
        tmp_path / "run", names=["cat", "dog", "eel"], subsets=True
    )
    text, page = page_of(folder)
    assert headings_of(text) == [
        "Accuracy",
        "Curves",
        "Blend weights",
        "Overfitting to generalisation (OGR)",
        "Gains of classes",
        "Confusion",
        "Subsets of modalities",
        "Cost",
        "What was run",
    ]
    words = words_of(text)
    for expected in (
        'tools/train.py --set "data.path=a & b.npz"',
        "keras 3.15.1",
        "Seed 0",
        "Examples trained 12,345",
        "joint, test 60.0 %",
        "best modality: rgb, test 50.0 %",
        # By hand: sqrt(0.6 * 0.4 / 100) = 0.049.
        "100 examples leave a standard error of about 4.9 points.",
        "0.60 [0.40 0.80]",
        "sound does not generalise",
        "the loss is multiplied by 3",
        "cat dog 3 75.0",
        "rgb +19.0",
    ):
        assert expected in words
    # 3 heads and accuracies, weights, OGR, 2 gains, confusion, subsets.
    assert len(page.all("svg")) == 10


def test_page_needs_no_network_and_describes_every_picture(tmp_path):
    names = ["cat", "dog", "eel"]
    run = folders_of.write_run(tmp_path / "run", names=names, subsets=True)
    both = folders_of.write_comparison(tmp_path / "all")
    for folder in (run, both):
        text, page = page_of(folder)
        links = [each.get("href", "") for _, each in page.seen]
        links += [each.get("src", "") for _, each in page.seen]
        assert not [link for link in links if "//" in link]
        assert "url(http" not in text and "@import" not in text
        assert len(page.ids) == len(set(page.ids))
        assert page.all("svg")
        for picture in page.all("svg"):
            assert picture["role"] == "img" and len(picture["aria-label"]) > 20
        assert page.all("table")
        assert len(page.all("table")) == len(page.all("caption"))
        assert all("scope" in each for each in page.all("th"))


def test_names_of_users_are_text_and_never_markup(tmp_path):
    bad = ['<script>alert("1")</script>', 'a" onload="x', "$5 & $6", "日本語"]
    folder = folders_of.write_run(
        tmp_path / "<b>run</b>", names=bad, class_names=bad
    )
    text, page = page_of(folder)
    assert not page.all("script") and not page.all("b") == []
    assert not [each for _, each in page.seen if "onload" in each]
    words = words_of(text)
    assert bad[0] in words and "<b>run</b>" in words
    assert "日本語" in text
    pictures = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.S))
    assert "$5 &amp; $6" in pictures and "日本語" in pictures


@pytest.mark.parametrize("place", ["", "evaluation_test"])
def test_page_of_a_run_shows_an_evaluation_that_is_added(tmp_path, place):
    run = folders_of.write_run(tmp_path / "run")
    text, _ = page_of(run)
    assert "Confusion" not in headings_of(text)
    out = run / place
    folders_of.write(out / "evaluation.json", folders_of.evaluation())
    assert gb.reporting.refresh_report(out) == run / "report.html"
    text = (run / "report.html").read_text(encoding="utf-8")
    assert "Confusion" in headings_of(text)


def test_evaluation_outside_of_a_run_writes_no_page(tmp_path):
    folders_of.write(tmp_path / "evaluation.json", folders_of.evaluation())
    assert gb.reporting.refresh_report(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]


def test_evaluation_of_another_split_is_not_shown_as_the_reported_one(tmp_path):
    folder = folders_of.write_run(tmp_path)
    other = folders_of.evaluation() | {"split": "train"}
    folders_of.write(folder / "evaluation.json", other)
    text, _ = page_of(folder)
    assert "Confusion" not in headings_of(text)


def test_heads_that_were_not_trained_have_no_number(tmp_path):
    folder = folders_of.write_run(
        tmp_path,
        history=0,
        names=["cat", "dog", "eel"],
        blend="joint",
        trained_heads=["joint"],
        answering_heads=["joint"],
    )
    text, _ = page_of(folder)
    words = words_of(text)
    assert "Not shown: rgb, sound. The method did not train them" in words
    assert "41.0" not in words and "64.0" not in words
    assert "Gains of classes" not in words  # over a head without training
    assert "Blend weights" not in headings_of(text)


def test_single_head_without_estimates_or_evaluation_has_a_page(tmp_path):
    folder = folders_of.write_run(
        tmp_path,
        history=0,
        blend="rgb",
        accuracy={"rgb": 0.5},
        blend_weights={"rgb": 1.0},
        trained_heads=["rgb"],
        answering_heads=["rgb"],
    )
    text, page = page_of(folder)
    assert headings_of(text) == ["Accuracy", "Curves", "Cost", "What was run"]
    assert "rgb, test 50.0 %" in words_of(text)
    assert "gblend evaluate" in text


def test_failed_run_is_shown_as_failed_with_its_reason(tmp_path):
    folder = tmp_path / "run"
    folders_of.write(folder / "recipe.json", folders_of.identity())
    folders_of.write_metrics(folder / "metrics.csv")
    failure = {"format": 1, "error": "FloatingPointError", "reason": "<inf>"}
    folders_of.write(folder / "failed.json", failure)
    text, _ = page_of(folder)
    assert "FAILED. FloatingPointError: <inf>" in words_of(text)
    assert headings_of(text) == ["Curves", "What was run"]


def test_run_that_has_not_finished_says_how_far_it_is(tmp_path):
    folders_of.write(tmp_path / "recipe.json", folders_of.identity())
    folders_of.write_metrics(tmp_path / "metrics.csv", epochs=3)
    text, _ = page_of(tmp_path)
    assert "has not finished; 3 epochs are done." in words_of(text)


def test_527_classes_stay_readable(tmp_path):
    names = [f"class number {place}" for place in range(527)]
    folder = folders_of.write_run(tmp_path, names=names, class_names=names)
    text, _ = page_of(folder)
    assert len(text) < 700_000
    pictures = re.findall(r"<svg.*?</svg>", text, flags=re.S)
    named = [picture for picture in pictures if "class number" in picture]
    assert len(named) == 2  # gains of joint and blend; no name in the matrix
    for picture in named:
        assert picture.count(">class number") == 11  # ten gains, one loss
    words = words_of(text)
    assert "class number 0 class number 1 3 75.0" in words
    assert "class number 300" not in words


def test_many_estimates_fold_their_table(tmp_path):
    folder = folders_of.write_run(tmp_path, history=20)
    text, page = page_of(folder)
    assert len(page.all("details")) == 3  # weights, OGR, recipe


def test_without_matplotlib_the_page_says_how_to_get_pictures(
    tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    names = ["cat", "dog", "eel"]
    run = folders_of.write_run(tmp_path / "run", names=names)
    both = folders_of.write_comparison(tmp_path / "all")
    for folder in (run, both):
        text, page = page_of(folder)
        assert not page.all("svg")
        assert 'pip install "gblend_keras[report]"' in words_of(text)
        assert page.all("table")


def test_same_folder_gives_the_same_page(tmp_path):
    folder = folders_of.write_run(tmp_path, names=["cat", "dog", "eel"])
    first, _ = page_of(folder)
    assert page_of(folder)[0] == first


def test_page_of_a_comparison_has_everything(tmp_path):
    folder = folders_of.write_comparison(tmp_path)
    gb.reporting.write_report(folder / "joint" / "seed-0")
    text, page = page_of(folder)
    assert headings_of(text) == [
        "Failed runs",
        "Results",
        "Curves",
        "Blend weights",
        "Overfitting to generalisation (OGR)",
        "Gains of classes",
        "Confusion",
        "Subsets of modalities",
        "Cost",
        "Runs",
        "What was run",
    ]
    words = words_of(text)
    for expected in (
        "arrays: 4 methods, 2 seeds",
        "The highest mean accuracy on test is that of online (blend): "
        "64.0 ± 2.8 %.",
        "none can be told apart from joint training",
        "1 run has failed.",
        "se_gate seed 0 FAILED: FloatingPointError A loss is <not finite>",
        "64.0 ± 2.8 [39.0 89.0] +4.0 [-6.0 +14.0]",
        "over rgb, the best modality trained by itself",
        "The last call did 6 runs, 1 at a time, in 80.0 s",
        "Seeds 0, 1",
    ):
        assert expected in words
    links = [each["href"] for each in page.all("a")]
    assert [link for link in links if link.endswith(".html")] == [
        "joint/seed-0/report.html"
    ]


def test_comparison_names_what_can_be_told_from_joint(tmp_path):
    folder = folders_of.write_comparison(tmp_path, p_holm=0.01)
    text, _ = page_of(folder)
    assert (
        "Told apart from joint training at the 5 % level, after correction: "
        "online (blend) (+4.0 points)." in words_of(text)
    )


def test_comparison_of_failed_runs_alone_has_a_page(tmp_path):
    folder = folders_of.write_comparison(tmp_path)
    values = json.loads((folder / "comparison.json").read_text())
    values["rows"] = values["rows"][-1:]
    values["runs"] = values["runs"][-1:]
    folders_of.write(folder / "comparison.json", values)
    text, page = page_of(folder)
    assert "No run has finished." in words_of(text)
    assert not page.all("svg")


def test_comparison_without_evaluations_leaves_out_classes(tmp_path):
    folder = folders_of.write_comparison(tmp_path)
    for path in folder.rglob("evaluation.json"):
        path.unlink()
    text, _ = page_of(folder)
    assert "Results" in headings_of(text)
    assert not {"Gains of classes", "Confusion"} & set(headings_of(text))


def test_confusion_of_other_answers_comes_from_the_predictions(tmp_path):
    folder = folders_of.write_run(
        tmp_path,
        names=["cat", "dog"],
        history=0,
        blend="modalities",
        trained_heads=["rgb", "sound"],
        answering_heads=["rgb", "sound"],
    )
    np.savez(
        folder / "evaluation_test" / "predictions.npz",
        y=[0, 0, 1, 1],
        probabilities_ensemble=[[0.9, 0.1], [0.3, 0.7], [0.1, 0.9], [0.2, 0.8]],
    )
    text, _ = page_of(folder)
    assert "Most confused pairs of ensemble" in text
    assert "cat dog 1 50.0" in words_of(text)


def test_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="workdir of gblend train or gblend compare"
    ):
        gb.reporting.write_report(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_damaged_file_is_named(tmp_path, content):
    folder = folders_of.write_run(tmp_path)
    (folder / "summary.json").write_text(content)
    with pytest.raises(ValueError, match="Write it again, or remove it.") as e:
        gb.reporting.write_report(folder)
    assert "summary.json" in str(e.value)


def test_tool_writes_pages_without_tensorflow(tmp_path):
    run = folders_of.write_run(tmp_path / "run")
    both = folders_of.write_comparison(tmp_path / "all")
    code = (
        "import runpy, sys; "
        f"sys.argv = ['report.py', {str(run)!r}, {str(both)!r}]\n"
        "try:\n"
        "    runpy.run_path('tools/report.py', run_name='__main__')\n"
        "except SystemExit:\n"
        "    pass\n"
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert done.stdout.splitlines() == [
        f"{run}/report.html",
        f"{both}/report.html",
        "[]",
    ]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ([], "Name the --workdir of gblend train or gblend compare."),
        (["/nowhere"], "Give the --workdir of gblend train or gblend compare."),
    ],
)
def test_wrong_arguments_of_the_tool_end_in_one_sentence(arguments, advice):
    done = subprocess.run(
        [sys.executable, "tools/report.py", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode != 0
    assert advice in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
