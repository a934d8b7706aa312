"""Annotation files of every data set, as they are published, and bad ones."""

import pickle

import pytest

from gblend_keras.data.annotations import _fields
from gblend_keras.data.annotations import _rows
from gblend_keras.data.annotations import manifest
from tests.places import SHARED

SAMPLES = SHARED / "annotations"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(),
    reason="the real annotation samples are not beside the project",
)


@pytest.fixture(autouse=True)
def _fresh_keras():
    """Replaces the fixture of all tests: nothing here uses Keras."""


KINETICS = (
    "label,youtube_id,time_start,time_end,split,is_cc\n"
    '"playing, not well",0wR5jVB-WPk,417,427,train,0\n'
    "abseiling,-caPS4FHFF8,6,16,val,0\n"
    "abseiling,3yaoNwz99xM,62,72,test,1\n"
)
SPORTS_LABELS = "boxing\nkyūdō\nskittles (sport)\n"
SPORTS_TRAIN = (
    "https://www.youtube.com/watch?v=w8mXhpwjIWI 2,0\n"
    "http://www.youtube.com/watch?v=-p4K3rNmGjQ 1\n"
)
SPORTS_TEST = "https://www.youtube.com/watch?v=Zp7VvAQW9oM 0\n"
AUDIOSET_CLASSES = (
    "index,mid,display_name\n"
    '0,/m/09x0r,"Speech"\n'
    '1,/m/05zppz,"Male speech, man speaking"\n'
    '2,/t/dd00088,"Gush"\n'
)
AUDIOSET = (
    "# Segments csv created Sun Mar  5 10:54:31 2017\n"
    "# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=4\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
    '--PJHxphWEs, 30.000, 40.000, "/t/dd00088,/m/09x0r"\n'
    '--ZhevVpy1s, 50.000, 57.500, "/m/05zppz"\n'
)
EPIC55_VERBS = (
    "verb_id,class_key,verbs\r\n0,take,\"['take', 'get']\"\r\n1,put,['put']\r\n"
)
EPIC55_NOUNS = (
    "noun_id,class_key,nouns\r\n0,Nothing,['Nothing']\r\n"
    "1,pan,\"['pan', 'pan:dust']\"\r\n2,tap,['tap']\r\n"
)
EPIC55_HEADER = (
    "uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,verb,verb_class,noun,noun_class,all_nouns,"
    "all_noun_classes\n"
)


def epic55_row(uid, participant, verb, noun):
    return (
        f"{uid},{participant},{participant}_01,take it,00:00:01.50,00:01:03.37,"
        f"91,3802,take,{verb},pan,{noun},\"['pan']\",[{noun}]\n"
    )


EPIC100_ROW = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,"
    "stop_timestamp,start_frame,stop_frame,narration,verb,verb_class,noun,"
    "noun_class,all_nouns,all_noun_classes\n"
    "{id}_0,P01,{id},00:00:00.560,00:00:01.00,00:00:01.89,51,113,take plate,"
    "take,1,plate,0,\"['plate', 'tap']\",\"[0, 1]\"\n"
)


def write(folder, **files):
    """Writes text files; `__` in a name stands for the dot."""
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(text, encoding="utf-8")
    return folder


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def read_kinetics(folder, text=KINETICS, **settings):
    write(folder, k__csv=text)
    return manifest.read_manifest("kinetics", folder / "k.csv", **settings)


def spans(read):
    return [
        (each.file, each.start_seconds, each.end_seconds)
        for each in read.segments
    ]


# Kinetics


def test_kinetics_classes_are_sorted_and_splits_translated(tmp_path):
    read = read_kinetics(tmp_path)
    assert read.class_names == {"label": ("abseiling", "playing, not well")}
    assert [each.labels["label"] for each in read.segments] == [
        *[(1,), (0,), (0,)]
    ]
    splits = [each.split for each in read.segments]
    assert splits == ["train", "validation", "test"]
    first, second, _ = read.segments
    assert first.key == "0wR5jVB-WPk_000417_000427"
    assert second.where == "k.csv:3" and second.key.startswith("-caPS4FHFF8")
    assert not read.multi_label
    assert read.in_split("validation") == (second,)


def test_kinetics_classes_may_be_listed_and_the_split_given(tmp_path):
    write(tmp_path, names__txt="playing, not well\nzorbing\nabseiling\n")
    read = read_kinetics(tmp_path, classes=tmp_path / "names.txt", split="test")
    assert read.class_names["label"][1] == "zorbing"
    assert [each.labels["label"][0] for each in read.segments] == [0, 2, 2]
    assert {each.split for each in read.segments} == {"test"}


@pytest.mark.parametrize(
    ("name", "is_cut"),
    [
        ("0wR5jVB-WPk.mp4", False),
        ("0wR5jVB-WPk_000417_000427.mp4", True),
        ("0wR5jVB-WPk_417_427.MKV", True),
        ("0wR5jVB-WPk_417000_427000.webm", True),
        ("train/playing, not well/0wR5jVB-WPk_000417_000427.avi", True),
        ("playing,_not_well/0wR5jVB-WPk.mov", False),
    ],
)
def test_kinetics_videos_are_found_by_their_names(tmp_path, name, is_cut):
    read = read_kinetics(tmp_path, videos=touch(tmp_path / "v", name))
    span = (None, None) if is_cut else (417.0, 427.0)
    assert spans(read)[0] == (name, *span)
    assert spans(read)[1] == ("", 6.0, 16.0)


def test_cut_video_is_taken_before_the_whole_one(tmp_path):
    videos = touch(
        tmp_path / "v",
        "0wR5jVB-WPk.mp4",
        "a/0wR5jVB-WPk_000417_000427.mp4",
        "playing, not well/0wR5jVB-WPk_000417_000427.mp4",
        "-caPS4FHFF8_000007_000016.mp4",  # another span
        "3yaoNwz99xM.txt",  # no video
        ".3yaoNwz99xM.mp4",  # hidden
    )
    read = read_kinetics(tmp_path, videos=videos)
    # Of two files of one name, the one in its class' folder is taken.
    assert spans(read) == [
        ("playing, not well/0wR5jVB-WPk_000417_000427.mp4", None, None),
        ("", 6.0, 16.0),
        ("", 62.0, 72.0),
    ]


def test_byte_order_mark_windows_lines_and_blank_lines_are_read(tmp_path):
    text = "\ufeff" + KINETICS.replace("\n", "\r\n") + "\r\n\r\n"
    read = read_kinetics(tmp_path, text)
    assert read.segments == read_kinetics(tmp_path).segments


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("6,16", "6,6", 3, "Correct the times."),
        ("6,16", "16,6", 3, "Correct the times."),
        ("6,16", "x,16", 3, "`time_start` is not a time."),
        ("6,16", "-6,16", 3, "Expected seconds >= 0"),
        ("6,16", "6,nan", 3, "Received: time_end='nan'. Correct it."),
        ("6,16", "6,inf", 3, "`time_end` is not a time."),
        (",val,", ",dev,", 3, "Received: split='dev'. Rename it."),
        ("-caPS4FHFF8", "#NAME?", 3, "spreadsheets turn ids into formulas"),
        ("abseiling,-", ",-", 3, "`label` is an unknown label."),
        ("6,16", "6,16,1", 3, "Quote fields that contain commas."),
        ("\nabs", '\n"abs', 3, "Mend the quotes."),
        ("is_cc", "cc", 1, "header included."),
        ("time_start", "start", 1, "header included."),
        ("split,is_cc", "split,split", 1, "header included."),
    ],
)
def test_bad_row_is_named_by_file_and_line(tmp_path, old, new, line, problem):
    with pytest.raises(_rows.AnnotationError) as caught:
        read_kinetics(tmp_path, KINETICS.replace(old, new, 1))
    (found,) = caught.value.problems
    assert found.startswith(f"k.csv:{line}: ") and problem in found
    assert found in str(caught.value)


def test_all_bad_rows_are_counted_and_ten_are_shown(tmp_path):
    header, *_ = KINETICS.splitlines(keepends=True)
    bad = "".join(f"a,video{row:06d},9,1,train,0\n" for row in range(13))
    with pytest.raises(_rows.AnnotationError) as caught:
        read_kinetics(tmp_path, header + bad)
    assert len(caught.value.problems) == 13
    text = str(caught.value)
    assert "k.csv:11:" in text and "k.csv:12:" not in text
    assert "13 of them" in text and "... and 3 more" in text
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == text and copy.problems == caught.value.problems


def test_text_that_is_not_utf8_is_named_by_line(tmp_path):
    (tmp_path / "k.csv").write_bytes(
        KINETICS.replace("abseiling,3", "escaladé,3").encode("latin-1")
    )
    with pytest.raises(_rows.AnnotationError, match="k.csv:4: .*as UTF-8."):
        manifest.read_manifest("kinetics", tmp_path / "k.csv")


def test_segment_listed_twice_names_both_places(tmp_path):
    write(tmp_path, k__csv=KINETICS)
    again = KINETICS.splitlines()[0] + "\nzorbing,-caPS4FHFF8,6,16,train,1\n"
    write(tmp_path, more__csv=again)
    with pytest.raises(_rows.AnnotationError) as caught:
        manifest.read_manifest(
            "kinetics", [tmp_path / "k.csv", tmp_path / "more.csv"]
        )
    (problem,) = caught.value.problems
    assert problem.startswith("more.csv:2: ")
    assert "as in k.csv:3. Take one of them out." in problem


def test_label_that_the_class_list_lacks_is_refused(tmp_path):
    write(tmp_path, names__txt="abseiling\n")
    with pytest.raises(_rows.AnnotationError, match="k.csv:2: .*unknown label"):
        read_kinetics(tmp_path, classes=tmp_path / "names.txt")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a\n\nb\n", 2, "Correct the class list."),
        ("a\nb\na\n", 3, "'a', as in names.txt:1."),
        ("\n\n", 1, "The file names no class."),
    ],
)
def test_bad_class_list_is_named_by_line(tmp_path, text, line, problem):
    write(tmp_path, names__txt=text)
    with pytest.raises(_rows.AnnotationError) as caught:
        read_kinetics(tmp_path, classes=tmp_path / "names.txt")
    assert caught.value.problems[0].startswith(f"names.txt:{line}: ")
    assert problem in caught.value.problems[0]


@needs_samples
def test_real_kinetics_sample_is_read():
    read = manifest.read_manifest(
        "kinetics", SAMPLES / "kinetics400_val_sample.csv"
    )
    assert len(read.segments) == 300
    assert read.class_names["label"][1] == "air drumming"
    assert {each.split for each in read.segments} == {"validation"}


# Sports-1M


def read_sports(folder, **files):
    write(folder, labels__txt=SPORTS_LABELS, test_partition__txt=SPORTS_TEST)
    write(folder, **{"train_partition__txt": SPORTS_TRAIN, **files})
    return manifest.read_manifest(
        "sports1m",
        [folder / "train_partition.txt", folder / "test_partition.txt"],
        videos=touch(folder / "v", "x/w8mXhpwjIWI.mp4"),
    )


def test_sports_lines_are_videos_with_numbered_labels(tmp_path):
    read = read_sports(tmp_path)
    assert read.class_names["label"] == ("boxing", "kyūdō", "skittles (sport)")
    found = [(e.key, e.labels["label"], e.split) for e in read.segments]
    assert found == [
        ("w8mXhpwjIWI", (2, 0), "train"),
        ("-p4K3rNmGjQ", (1,), "train"),
        ("Zp7VvAQW9oM", (0,), "test"),
    ]
    assert spans(read)[:2] == [
        ("x/w8mXhpwjIWI.mp4", None, None),
        ("", None, None),
    ]
    assert not read.multi_label  # the first label is the class


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("https://youtu.be/w8mXhpwjIWI 1", "`URL` names no video."),
        ("http://www.youtube.com/watch?v=a 3", "whole number >= 0 and <= 2"),
        ("http://www.youtube.com/watch?v=a 1,", "`labels` is unknown."),
        ("http://www.youtube.com/watch?v=a", "Expected 2: URL,labels"),
        ("http://www.youtube.com/watch?v=a 1 2", "Received: 3."),
    ],
)
def test_bad_sports_line_is_named(tmp_path, line, problem):
    with pytest.raises(_rows.AnnotationError) as caught:
        read_sports(tmp_path, train_partition__txt=f"{SPORTS_TRAIN}\n{line}\n")
    (found,) = caught.value.problems
    assert found.startswith("train_partition.txt:4: ") and problem in found


@needs_samples
def test_real_sports_labels_are_read(tmp_path):
    write(tmp_path, train_partition__txt=SPORTS_TRAIN.replace(" 1", " 486"))
    read = manifest.read_manifest(
        "sports1m",
        tmp_path / "train_partition.txt",
        classes=SAMPLES / "sports1m_labels.txt",
    )
    assert len(read.class_names["label"]) == 487
    assert read.segments[1].labels["label"] == (486,)


# AudioSet


def read_audioset(folder, text=AUDIOSET, name="balanced_train_segments.csv"):
    write(folder, class_labels_indices__csv=AUDIOSET_CLASSES)
    (folder / name).write_text(text, encoding="utf-8")
    return manifest.read_manifest("audioset", folder / name)


def test_audioset_labels_are_looked_up_by_mid(tmp_path):
    read = read_audioset(tmp_path)
    assert read.multi_label
    assert read.class_names["label"][1] == "Male speech, man speaking"
    assert [e.labels["label"] for e in read.segments] == [(2, 0), (1,)]
    assert spans(read) == [("", 30.0, 40.0), ("", 50.0, 57.5)]
    keys = [each.key for each in read.segments]
    assert keys[1] == "--ZhevVpy1s_000050_000057.500"
    assert [each.where[-2:] for each in read.segments] == [":4", ":5"]


def test_audioset_split_is_in_the_name(tmp_path):
    for name, split in (
        ("unbalanced_train_segments.csv", "train"),
        ("eval_segments.csv", "test"),
    ):
        read = read_audioset(tmp_path, name=name)
        assert {each.split for each in read.segments} == {split}
    with pytest.raises(ValueError, match="Pass `split`, one of"):
        read_audioset(tmp_path, name="segments.csv")


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("/m/05zppz", "/m/0", 5, "`positive_labels` is an unknown label."),
        ("57.500", "50.000", 5, "Correct the times."),
        (", 57.500", "", 5, "wrong number of fields"),
        ('"/m/05zppz"', "/m/05zppz,/m/09x0r", 5, "Quote fields"),
        ("# YTID, ", "# ", 3, "as AudioSet publishes it."),
        ("# YTID", "YTID", 2, "as AudioSet publishes it."),
        (AUDIOSET, "", 1, "as AudioSet publishes it."),
        ('z"\n', "z\n", 5, "Mend the quotes."),
    ],
)
def test_bad_audioset_row_is_named(tmp_path, old, new, line, problem):
    with pytest.raises(_rows.AnnotationError) as caught:
        read_audioset(tmp_path, AUDIOSET.replace(old, new, 1))
    (found,) = caught.value.problems
    assert found.startswith(f"balanced_train_segments.csv:{line}: "), found
    assert problem in found


def test_missing_class_list_says_what_to_pass(tmp_path):
    write(tmp_path, eval__csv=AUDIOSET)
    with pytest.raises(ValueError, match="Pass its path as `classes`."):
        manifest.read_manifest("audioset", tmp_path / "eval.csv")


def test_class_list_with_a_gap_is_refused(tmp_path):
    write(
        tmp_path,
        eval__csv=AUDIOSET,
        class_labels_indices__csv=AUDIOSET_CLASSES.replace("2,/t", "3,/t"),
    )
    with pytest.raises(
        _rows.AnnotationError, match="indices.csv:4: .*Expected"
    ):
        manifest.read_manifest("audioset", tmp_path / "eval.csv")


@needs_samples
def test_real_audioset_sample_is_read():
    read = manifest.read_manifest(
        "audioset", SAMPLES / "audioset_balanced_train_segments_sample.csv"
    )
    assert len(read.class_names["label"]) == 527
    assert len(read.segments) == 14
    names = read.class_names["label"]
    labels = [names[index] for index in read.segments[0].labels["label"]]
    assert labels == ["Speech", "Gush"]
    assert max(len(e.labels["label"]) for e in read.segments) == 9


# EPIC-Kitchens


def read_epic55(folder, rows_text, **settings):
    write(
        folder,
        EPIC_verb_classes__csv=EPIC55_VERBS,
        EPIC_noun_classes__csv=EPIC55_NOUNS,
        EPIC_train_action_labels__csv=EPIC55_HEADER + rows_text,
    )
    return manifest.read_manifest(
        "epic55", folder / "EPIC_train_action_labels.csv", **settings
    )


EPIC55_ROWS = (
    epic55_row(0, "P01", 1, 2)
    + epic55_row(7, "P02", 0, 1)
    + epic55_row(8, "P26", 1, 1)
    + epic55_row(9, "P31", 0, 1)
)


def test_epic55_actions_are_the_pairs_of_training(tmp_path):
    videos = touch(tmp_path / "v", "P01/P01_01.MP4", "P31_01.MP4")
    read = read_epic55(tmp_path, EPIC55_ROWS, videos=videos)
    assert read.class_names == {
        "verb": ("take", "put"),
        "noun": ("Nothing", "pan", "tap"),
        "action": ("take pan", "put tap"),  # by verb, then noun
    }
    assert [dict(each.labels) for each in read.segments] == [
        {"verb": (1,), "noun": (2,), "action": (1,)},
        {"verb": (0,), "noun": (1,), "action": (0,)},
        {"verb": (1,), "noun": (1,), "action": ()},  # training has no such
        {"verb": (0,), "noun": (1,), "action": (0,)},
    ]
    splits = [(each.group, each.split) for each in read.segments]
    assert splits == [
        *[("P01", "train"), ("P02", "train")],
        *[("P26", "validation"), ("P31", "validation")],
    ]
    # 00:00:01.50 to 00:01:03.37
    assert spans(read)[0] == ("P01/P01_01.MP4", 1.5, 63.37)
    assert spans(read)[1] == ("", 1.5, 63.37)
    assert [each.key for each in read.segments][:2] == ["P01_01_0", "P02_01_7"]


def test_kitchens_to_validate_on_can_be_chosen(tmp_path):
    read = read_epic55(tmp_path, EPIC55_ROWS, validation_groups=["P02"])
    splits = [each.split for each in read.segments]
    assert splits == ["train", "validation", "train", "train"]
    assert read.class_names["action"] == ("take pan", "put pan", "put tap")
    read = read_epic55(tmp_path, EPIC55_ROWS, validation_groups=())
    assert {each.split for each in read.segments} == {"train"}


def test_actions_without_training_are_those_read(tmp_path):
    read = read_epic55(tmp_path, EPIC55_ROWS, split="test")
    assert read.class_names["action"] == ("take pan", "put pan", "put tap")
    assert {each.split for each in read.segments} == {"test"}


@pytest.mark.parametrize(
    ("video", "start", "end"),
    [
        ("P01_11", 50 / 60, 113 / 60),  # of 2018: frames at 60 a second
        ("P01_101", 50 / 50, 113 / 50),  # of 2020: at 50
    ],
)
def test_epic100_frames_become_seconds(tmp_path, video, start, end):
    write(
        tmp_path,
        EPIC_100_verb_classes__csv="id,key,instances,category\n"
        "0,take,['take'],retrieve\n1,put,['put'],leave",
        EPIC_100_noun_classes__csv="id,key,instances,category\n"
        "0,tap,['tap'],appliances\n",
        EPIC_100_validation__csv=EPIC100_ROW.format(id=video),
    )
    path = tmp_path / "EPIC_100_validation.csv"
    (segment,) = manifest.read_manifest("epic100", path).segments
    assert (segment.start_seconds, segment.end_seconds) == (1.0, 1.89)
    assert segment.key == f"{video}_0" and segment.split == "validation"
    read = manifest.read_manifest("epic100", path, times="frames")
    assert spans(read)[0][1:] == (start, end)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("P01_01", "P02_01", "`video_id` is not a video of `participant_id`."),
        (",take,1,", ",take,2,", "whole number >= 0 and <= 1"),
        (",pan,2,", ",pan,x,", "`noun_class` is unknown."),
        ("00:01:03.37", "00:00:01.50", "Correct the times."),
        ("00:01:03.37", "00:61:03.37", "`stop_timestamp` is not a time."),
        ("0,P01", ",P01", "`uid` is not an id."),
    ],
)
def test_bad_epic_row_is_named(tmp_path, old, new, problem):
    with pytest.raises(_rows.AnnotationError) as caught:
        read_epic55(tmp_path, EPIC55_ROWS.replace(old, new, 1))
    (found,) = caught.value.problems
    assert found.startswith("EPIC_train_action_labels.csv:2: ")
    assert problem in found


def test_bad_epic_frames_are_named(tmp_path):
    bad = EPIC55_ROWS.replace(",91,3802,", ",91,90,", 1)
    assert len(read_epic55(tmp_path, bad).segments) == 4
    with pytest.raises(
        _rows.AnnotationError, match=":2: .*Correct the frames."
    ):
        read_epic55(tmp_path, bad, times="frames")


def test_class_lists_may_lie_elsewhere(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    write(lists, my_verbs__csv=EPIC55_VERBS, my_nouns__csv=EPIC55_NOUNS)
    write(tmp_path, train__csv=EPIC55_HEADER + EPIC55_ROWS)
    read = manifest.read_manifest(
        "epic55",
        tmp_path / "train.csv",
        classes=[lists / "my_nouns.csv", lists / "my_verbs.csv"],
    )
    assert read.class_names["verb"] == ("take", "put")
    (lists / "my_verbs.csv").rename(lists / "EPIC_verb_classes.csv")
    (lists / "my_nouns.csv").rename(lists / "EPIC_noun_classes.csv")
    assert (
        manifest.read_manifest(
            "epic55", tmp_path / "train.csv", classes=lists
        ).segments
        == read.segments
    )


@needs_samples
@pytest.mark.parametrize(
    ("dataset", "file", "verbs", "nouns", "actions"),
    [
        ("epic55", "EPIC55_train_action_labels_sample.csv", 125, 352, 112),
        ("epic100", "EPIC_100_validation_sample.csv", 97, 300, 145),
    ],
)
def test_real_epic_samples_are_read(dataset, file, verbs, nouns, actions):
    read = manifest.read_manifest(dataset, SAMPLES / file)
    assert len(read.segments) == 300
    sizes = {task: len(names) for task, names in read.class_names.items()}
    assert sizes == {"verb": verbs, "noun": nouns, "action": actions}
    frames = manifest.read_manifest(dataset, SAMPLES / file, times="frames")
    for ours, theirs in zip(spans(read), spans(frames), strict=True):
        assert abs(ours[1] - theirs[1]) < 0.05
        assert abs(ours[2] - theirs[2]) < 0.05


# Plain CSV

TABLE = (
    "file,label,split,start,end,group\n"
    "a/ä b.mp4,red,train,,,ann\n"
    "a/c.mpg,blue,val,1.5,3,bob\n"
    "a/c.mpg,red,test,3,4.25,bob\n"
)


def read_table(folder, text=TABLE, **settings):
    write(folder, t__csv=text)
    return manifest.read_manifest("csv", folder / "t.csv", **settings)


def test_table_rows_are_segments(tmp_path):
    read = read_table(tmp_path)
    assert read.class_names["label"] == ("blue", "red")
    assert spans(read) == [
        ("a/ä b.mp4", None, None),
        ("a/c.mpg", 1.5, 3.0),
        ("a/c.mpg", 3.0, 4.25),
    ]
    assert [each.group for each in read.segments] == ["ann", "bob", "bob"]
    splits = [each.split for each in read.segments]
    assert splits == ["train", "validation", "test"]


def test_table_keys_are_unique_and_safe_in_file_names(tmp_path):
    text = (
        "file,label,split\na b.mp4,x,train\na_b.mp4,x,train\na/b.mp4,x,train\n"
    )
    keys = [each.key for each in read_table(tmp_path, text).segments]
    assert keys[1] == "a_b.mp4" and len(set(keys)) == 3
    assert all(_fields.safe_key(key) == key for key in keys)
    assert _fields.safe_key("../x") != "../x" and "/" not in _fields.safe_key(
        "../x"
    )


def test_table_finds_files_and_moves_groups(tmp_path):
    videos = touch(tmp_path / "v", "a/c.mpg")
    read = read_table(tmp_path, videos=videos, validation_groups=["ann"])
    assert [each.file for each in read.segments] == ["", "a/c.mpg", "a/c.mpg"]
    assert read.segments[0].split == "validation"


def test_table_columns_may_stand_in_any_order(tmp_path):
    read = read_table(tmp_path, "split,label,file\ntrain,x,./a.mp4\n")
    assert read.segments[0].file == "a.mp4"


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("1.5,3", "1.5,", 3, "`end` is not a time."),
        ("1.5,3", ",3", 3, "`start` is not a time."),
        ("1.5,3", "3,3", 3, "Correct the times."),
        ("a/c.mpg,blue", "/a/c.mpg,blue", 3, "Make it relative"),
        ("a/c.mpg,blue", "a/../../c.mpg,blue", 3, "Make it relative"),
        ("a/c.mpg,blue", ",blue", 3, "Make it relative"),
        ("a/c.mpg,blue", "C:\\c.mpg,blue", 3, "with `/`."),
        ("blue", "", 3, "`label` is an unknown label."),
        ("val", "", 3, "`split` is unknown."),
        ("3,4.25", "1.5,3", 4, "as in t.csv:3."),
        ("group", "speaker", 1, "and of start,end,group"),
    ],
)
def test_bad_table_row_is_named(tmp_path, old, new, line, problem):
    with pytest.raises(_rows.AnnotationError) as caught:
        read_table(tmp_path, TABLE.replace(old, new, 1))
    (found,) = caught.value.problems
    assert found.startswith(f"t.csv:{line}: ") and problem in found


def test_real_table_is_read():
    grid = SHARED / "media" / "grid"
    if not grid.is_dir():
        pytest.skip("the GRID clips are not beside the project")
    read = manifest.read_manifest("csv", grid / "labels.csv", videos=grid)
    assert read.class_names["label"] == ("blue", "green", "red", "white")
    assert len(read.in_split("train")) == 60
    assert len(read.in_split("test")) == 20
    assert all(each.file for each in read.segments)


# The folder of videos, and the arguments


def test_loops_of_links_and_dead_links_are_survived(tmp_path):
    videos = touch(tmp_path / "v", "deep/er/0wR5jVB-WPk.mp4")
    (videos / "deep" / "loop").symlink_to(videos)
    (videos / "self").symlink_to(videos / "self")
    (videos / "-caPS4FHFF8.mp4").symlink_to(tmp_path / "nowhere")
    touch(tmp_path / "other", "3yaoNwz99xM.mp4")
    (videos / "linked").symlink_to(tmp_path / "other")
    files = [span[0] for span in spans(read_kinetics(tmp_path, videos=videos))]
    assert files[0] in (
        "deep/er/0wR5jVB-WPk.mp4",
        "deep/loop/deep/er/0wR5jVB-WPk.mp4",
    )
    assert files[1:] == ["", "linked/3yaoNwz99xM.mp4"]


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"dataset": "kinetic"}, "Choose one of them."),
        ({"split": "val"}, "Choose one of them."),
        ({"times": "hours"}, "Choose one of them."),
        ({"annotations": "none.csv"}, "Received: .'none.csv'.. Check the"),
        ({"annotations": []}, "Expected one or more files."),
        ({"annotations": "."}, "`annotations` is not there."),
        ({"classes": "none.txt"}, "Expected files or a folder."),
        ({"videos": "none"}, "`videos` cannot be listed."),
        ({"videos": "k.csv"}, "`videos` cannot be listed."),
    ],
)
def test_wrong_arguments_say_what_to_do(
    tmp_path, monkeypatch, settings, advice
):
    monkeypatch.chdir(write(tmp_path, k__csv=KINETICS))
    arguments = {"dataset": "kinetics", "annotations": "k.csv", **settings}
    with pytest.raises(ValueError, match=advice):
        manifest.read_manifest(**arguments)


def test_file_without_rows_is_refused(tmp_path):
    with pytest.raises(ValueError, match="list no segment.*Check the files."):
        read_kinetics(tmp_path, KINETICS.splitlines()[0] + "\n")
    with pytest.raises(_rows.AnnotationError, match="k.csv:1: The first line"):
        read_kinetics(tmp_path, "")
