"""A folder -> its `report.html`."""

import importlib.metadata
import os
from pathlib import Path

from gblend_keras.reporting import run_data
from gblend_keras.reporting.page import comparison
from gblend_keras.reporting.page import run
from gblend_keras.utils import files

NAME = "report.html"


def write_report(folder: str | os.PathLike[str]) -> Path:
    """Writes `report.html` of a run or of a comparison into its folder.

    One file that needs no network. Works for runs that have failed or not yet
    finished, too; loads no TensorFlow. Without matplotlib the page has no
    pictures and says how to get them.

    Args:
        folder: A run directory, or the folder of a comparison.

    Returns:
        The path of the page.

    Raises:
        ValueError: If the folder is neither, or a file in it is damaged.

    Example:
        >>> import gblend_keras as gb
        >>> page = gb.reporting.write_report("run")  # a run or a comparison
        >>> page.name
        'report.html'
    """
    path = Path(folder)
    try:
        version = importlib.metadata.version("gblend-keras")
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    if run_data.is_comparison(path):
        text = comparison.write(path, version=version)
    elif run_data.is_run(path):
        text = run.write(run_data.read_run(path), version=version)
    else:
        raise ValueError(
            f"`folder` holds nothing to report: {path}. Expected recipe.json "
            "of a run, or comparison.json of a comparison. Received: a folder "
            "without. Give the --workdir of gblend train or gblend compare."
        )
    files.write_text(path / NAME, text)
    return path / NAME


def refresh_report(folder: str | os.PathLike[str]) -> Path | None:
    """Writes the page of a run again, after an evaluation was added to it.

    Args:
        folder: Where the evaluation was written: a run directory or a folder
            in one. Anything else is left alone.

    Returns:
        The path of the page; None if there is no run.

    Raises:
        ValueError: If a file of the run is damaged.

    Example:
        >>> import gblend_keras as gb
        >>> page = gb.reporting.refresh_report("run/evaluation_test")
        >>> page.parent.name, page.name
        ('run', 'report.html')
    """
    path = Path(folder).absolute()
    for place in (path, path.parent):
        if run_data.is_run(place):
            return write_report(place)
    return None
