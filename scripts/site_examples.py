"""Examples of docstrings on the site, as code.

Google's style has "Example:" where there is one. Griffe, which reads the
docstrings, takes that for a note in Markdown, where `>>>` begins a quotation,
and knows the section by the name "Examples:" alone.
"""

import re
from typing import Any

import griffe

_TITLE = re.compile(r"^Example:$", re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Gives the section of examples the name that Griffe knows."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _TITLE.sub("Examples:", obj.docstring.value)
