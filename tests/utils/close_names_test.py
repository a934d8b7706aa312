"""What a mistyped name may have meant."""

from gblend_keras.utils import close_names


def test_close_names_are_offered_and_others_are_not():
    known = ["online", "offline", "pcgrad"]
    offered = close_names.did_you_mean("onlin", known)
    assert offered == "Did you mean online or offline? "
    assert close_names.did_you_mean("xyz", known) == ""
    assert close_names.did_you_mean(3, known) == ""
