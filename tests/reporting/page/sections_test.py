"""Sections that pages share."""

import pytest

from gblend_keras.reporting.page import sections


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(119.96, "120.0 s"), (120, "2.0 min"), (7200, "2.0 h"), (None, None)],
)
def test_durations_have_the_unit_that_suits_them(seconds, text):
    assert sections.duration(seconds) == text
