"""Optional libraries: there, or named with what installs them."""

import math
import sys

import pytest

from gblend_keras.utils import optional


def test_module_of_an_installed_library_is_returned():
    assert optional.load("math", extra="eval", purpose="A sum") is math


@pytest.mark.parametrize("module", ["scipy", "scipy.stats"])
def test_missing_library_is_named_with_its_remedy(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError) as raised:
        optional.load(module, extra="eval", purpose="A comparison")
    assert str(raised.value) == (
        "A comparison needs SciPy. Install it with "
        '`pip install "gblend_keras[eval]"`.'
    )
    assert not optional.are_installed("math", "scipy")
