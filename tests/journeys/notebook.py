"""Runs a notebook's code cells in order, as Jupyter would.

To write the outputs into the file:

    export PYTHONPATH=$PWD NOTEBOOK=$PWD/docs/tutorial.ipynb
    cd $(mktemp -d) && python -m tests.journeys.notebook $NOTEBOOK
"""

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path


def executed(notebook):
    """Returns the notebook with the outputs of its code cells.

    What a cell prints and the value of its last line are kept; what goes to
    the standard error, such as progress bars, is not.
    """
    names = {"__name__": "__main__"}
    count = 0
    cells = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            outputs = _run("".join(cell["source"]), names, count)
            cell = cell | {"execution_count": count, "outputs": outputs}
        cells.append(cell)
    return notebook | {"cells": cells}


def _run(source, names, count):
    tree = ast.parse(source)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ast.Expression(tree.body.pop().value)
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, f"<cell {count}>", "exec"), names)
        if last is not None:
            value = eval(compile(last, f"<cell {count}>", "eval"), names)
    outputs = []
    if printed.getvalue():
        text = printed.getvalue().splitlines(keepends=True)
        outputs.append(
            {"output_type": "stream", "name": "stdout", "text": text}
        )
    if value is not None:
        outputs.append(
            {
                "output_type": "execute_result",
                "execution_count": count,
                "metadata": {},
                "data": _shown(value),
            }
        )
    return outputs


def _shown(value):
    if hasattr(value, "_repr_png_"):
        picture = base64.b64encode(value._repr_png_()).decode("ascii")
        return {"image/png": picture, "text/plain": ["<a picture>"]}
    return {"text/plain": repr(value).splitlines(keepends=True)}


def main(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps(executed(notebook), indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
