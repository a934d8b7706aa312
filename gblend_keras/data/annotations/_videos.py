"""A folder of videos, scanned once; files are found by their names."""

import os
from collections.abc import Iterator
from pathlib import Path

from gblend_keras.data.annotations import _fields

EXTENSIONS = frozenset(
    ".3gp .avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .ogv .ts .webm .wmv".split()
)


class VideoFolder:
    """The videos below a folder, at any depth.

    Links to folders are followed, each folder is entered once: a loop of links
    ends. Hidden files (`._a.mp4`, unfinished downloads) are left out.

    Args:
        folder: Where the videos are.

    Raises:
        ValueError: If the folder, or one below it, cannot be listed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._by_stem: dict[str, list[str]] = {}
        for path in _files_below(self.folder):
            stem, extension = os.path.splitext(os.path.basename(path))
            if extension.lower() in EXTENSIONS:
                self._by_stem.setdefault(stem, []).append(path)

    def __len__(self) -> int:
        return sum(len(paths) for paths in self._by_stem.values())

    def find(self, stem: str, *, near: str = "") -> str:
        """Finds a video by its name without extension.

        Args:
            stem: The name, case included.
            near: Name of the folder to prefer when several files match (a
                class; blanks may be underscores). Else the first in
                alphabetical order is taken.

        Returns:
            Its path below the folder, with `/`; "" when there is none.
        """
        paths = self._by_stem.get(stem, [])
        nearby = {near, near.replace(" ", "_")}
        return min(
            paths,
            key=lambda path: (
                os.path.basename(os.path.dirname(path)) not in nearby,
                path,
            ),
            default="",
        )

    def has(self, path: str) -> bool:
        """Says whether a file is there, whatever its extension."""
        return (self.folder / path).is_file()


def find_cut(
    videos: VideoFolder | None,
    video: str,
    times: tuple[float, float],
    *,
    near: str = "",
) -> tuple[str, float | None, float | None]:
    """Finds the file of a span: cut out already, or the whole video.

    A file named by id, start and end (`id_000010_000020.mp4`; plain seconds
    or milliseconds do as well) holds the span alone; a file named by the id
    holds the whole video.

    Args:
        videos: The folder; None finds nothing.
        video: The id.
        times: Start and end in the whole video, in seconds.
        near: See `VideoFolder.find`.

    Returns:
        The file ("" when there is none), and start and end in that file (None
        and None when it holds the span alone).
    """
    if videos is not None:
        start, end = times
        # The ways in which downloaders write a span into a file's name.
        for ending in (
            f"{_fields.time_text(start)}_{_fields.time_text(end)}",
            f"{start:g}_{end:g}",
            f"{start:.3f}_{end:.3f}",
            f"{start * 1000:.0f}_{end * 1000:.0f}",
        ):
            file = videos.find(f"{video}_{ending}", near=near)
            if file:
                return file, None, None
        return videos.find(video, near=near), *times
    return "", *times


def _files_below(folder: Path) -> Iterator[str]:
    seen = {_identity(folder)}
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            with os.scandir(folder / below) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise ValueError(
                "`videos` cannot be listed. Expected a folder of videos. "
                f"Received: {folder / below}, {error.strerror}. "
                "Check the path."
            ) from error
        for entry in entries:
            path = f"{below}/{entry.name}".lstrip("/")
            if entry.name.startswith("."):
                continue
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that points at itself
                continue
            if is_folder:
                identity = _identity(Path(entry.path))
                if identity not in seen:
                    seen.add(identity)
                    waiting.append(path)
            elif is_file:
                yield path


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise ValueError(
            "`videos` cannot be listed. Expected a folder of videos. "
            f"Received: {folder}, {error.strerror}. Check the path."
        ) from error
    return status.st_dev, status.st_ino
