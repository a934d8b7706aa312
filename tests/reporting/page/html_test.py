"""Markup."""

from gblend_keras.reporting.page import html


def test_markup_escapes_all_but_itself():
    inside = html.element("b", "<&>")
    assert inside == "<b>&lt;&amp;&gt;</b>"
    assert html.element("p", inside, None, 1, title='"') == (
        '<p title="&quot;"><b>&lt;&amp;&gt;</b>1</p>'
    )
