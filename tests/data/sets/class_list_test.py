"""Class names beside a set."""

import pytest

from gblend_keras.data.sets import class_list


def test_names_keep_their_order(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text('["walk", "clap", 3]')
    assert class_list.read(path) == ("walk", "clap", "3")


@pytest.mark.parametrize("text", [None, "{", '{"a": 1}', '"walk"', "3"])
def test_anything_but_a_list_is_refused(tmp_path, text):
    path = tmp_path / "classes.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=r"cannot be read.*Restore the file."):
        class_list.read(path)
