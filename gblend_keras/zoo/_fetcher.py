"""Weights of an entry: found, or fetched once and kept in the cache."""

import http.client
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO
from typing import Any

from gblend_keras.data.sets import cache
from gblend_keras.utils import files
from gblend_keras.utils import lock
from gblend_keras.utils import progress
from gblend_keras.zoo import catalog

TIMEOUT_SECONDS = 30.0  # without a byte
_BLOCK = 1 << 16


def weights_path(entry: catalog.Entry) -> Path:
    """Returns the checked file with the weights of an entry.

    In this order: the entry's own folder; the cache; the folder or the mirror
    that GBLEND_ZOO names, else the entry's source, from where it is fetched
    into the cache. A download that broke off is taken up again.

    Raises:
        ValueError: If the file differs from what the entry says, or cannot be
            had.
    """
    if entry.kind == "imported":
        return imported_file(entry)
    if entry.weights is None:
        raise ValueError(
            f"{entry.name} has no weights of its own. Expected a trained or "
            f"an imported entry. Received: kind='{entry.kind}'. "
            "Use gb.zoo.tower, which asks TensorFlow Hub."
        )
    for path in (entry.file(entry.weights.file), kept_path(entry)):
        if path.is_file():
            check_file(path, entry.weights)
            return path
    return _fetch(entry, entry.weights)


def kept_folder(entry: catalog.Entry) -> Path:
    """Returns where the cache keeps what belongs to an entry."""
    return cache.folder() / "zoo" / entry.name


def kept_path(entry: catalog.Entry) -> Path:
    """Returns where the weights are kept once they were fetched."""
    if entry.weights is None:
        raise ValueError(
            f"{entry.name} keeps no weights. Expected a trained entry. "
            f"Received: kind='{entry.kind}'. Choose another entry."
        )
    return kept_folder(entry) / (
        f"{entry.weights.sha256[:16]}-{entry.weights.file}"
    )


def check_file(path: Path, weights: catalog.Weights) -> None:
    """Raises unless a file has the size and the checksum of the entry."""
    size = path.stat().st_size
    found = catalog.sha256(path)
    if (size, found) != (weights.num_bytes, weights.sha256):
        raise ValueError(
            f"{path} is damaged or was altered. Expected {weights.num_bytes} "
            f"bytes with sha256 {weights.sha256}. Received: {size} bytes with "
            f"sha256 {found}. Delete it and load again."
        )


def imported_file(entry: catalog.Entry) -> Path:
    """Returns the checked network that `gblend zoo import` made.

    Raises:
        ValueError: If nothing was imported, or a file was altered since.
    """
    folder = kept_folder(entry)
    if not (folder / "import.json").is_file():
        wanted = "a file"
        if entry.checkpoint is not None:
            address = entry.checkpoint.address or "no address is known"
            wanted = f"{entry.checkpoint.file} ({address})"
        raise ValueError(
            f"{entry.name} needs its checkpoint. Expected "
            f"{wanted}, imported once. Received: nothing yet. "
            f"Run `gblend zoo import {entry.name} FILE`."
        )
    record = catalog.read_json(folder / "import.json")
    for name, digest in dict(record.get("files", {})).items():
        if catalog.sha256(catalog.inside(folder, name)) != digest:
            raise ValueError(
                f"{folder / name} is damaged or was altered. Expected sha256 "
                f"{digest}. Received: another file, or none. "
                f"Run `gblend zoo import {entry.name} FILE` again."
            )
    return catalog.inside(folder, str(record.get("network")))


def _fetch(entry: catalog.Entry, weights: catalog.Weights) -> Path:
    place = os.environ.get(catalog.PLACE, "")
    local = catalog.local_place()
    target = kept_path(entry)
    if local is not None:
        source = local / entry.name / weights.file
        if not source.is_file():
            raise _not_to_be_had(entry, f"{source} is not there")
        check_file(source, weights)
        with files.replacing(target) as beside:
            shutil.copyfile(source, beside)
        return target
    address = weights.source
    if place:
        address = f"{place.rstrip('/')}/{entry.name}/{weights.file}"
    if not address:
        raise _not_to_be_had(entry, "the entry names no source")
    download(address, target, weights, title=entry.name)
    return target


def _not_to_be_had(entry: catalog.Entry, reason: str) -> ValueError:
    return ValueError(
        f"The weights of {entry.name} cannot be had. Expected them in the "
        f"entry, the cache, GBLEND_ZOO or at a source. Received: {reason}. "
        "Set GBLEND_ZOO to a mirror or a folder that has them."
    )


def download(
    address: str, target: Path, weights: catalog.Weights, *, title: str
) -> None:
    """Fetches a file, whole and checked or not at all.

    What has come so far stays beside `target` when the connection breaks, and
    the next call goes on from there. It is removed when it turns out wrong.

    Args:
        address: `http://` or `https://`.
        target: The file that should appear.
        weights: Its size and checksum.
        title: For the progress bar.

    Raises:
        ValueError: If the address cannot be reached, leads to another host,
            or gives another file.
    """
    if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
        raise ValueError(
            f"{address} cannot be fetched. Expected http://... or https://... "
            "Received: another kind of address. Correct GBLEND_ZOO."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    # One process fetches, others wait.
    with (
        lock.held(target.with_name(f".{target.name}.lock"), wait=True),
        part.open("ab") as stream,
    ):
        if target.is_file():  # another process was quicker
            part.unlink(missing_ok=True)
            check_file(target, weights)
            return
        try:
            _append(address, stream, weights, title)
        except (OSError, EOFError, http.client.HTTPException) as error:
            if stream.tell() == 0:
                part.unlink(missing_ok=True)
            raise ValueError(
                f"{address} cannot be fetched. Expected {weights.num_bytes} "
                f"bytes. Received: {error}. Load again to go on, or set "
                "GBLEND_ZOO to a mirror or a folder."
            ) from error
        except ValueError:
            part.unlink(missing_ok=True)
            raise
        stream.flush()
        _keep(part, target, weights, address)


def _keep(
    part: Path, target: Path, weights: catalog.Weights, address: str
) -> None:
    try:
        check_file(part, weights)
    except ValueError as error:
        part.unlink()
        raise ValueError(
            f"{address} gives another file. Expected the weights that the "
            f"entry names. Received: {error} Nothing was kept."
        ) from error
    part.replace(target)


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects on the same host alone, and never to less safety."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Any,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Returns the next request.

        Raises:
            ValueError: If it would go to another host.
        """
        old = urllib.parse.urlsplit(req.full_url)
        new = urllib.parse.urlsplit(newurl)
        if (old.scheme, old.netloc) != (new.scheme, new.netloc):
            raise ValueError(
                f"{req.full_url} leads to another host. Expected a file at "
                f"{old.scheme}://{old.netloc}. Received: a redirect to "
                f"{new.scheme}://{new.netloc}. Nothing was fetched; set "
                "GBLEND_ZOO to a mirror that you trust."
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _append(
    address: str, stream: IO[bytes], weights: catalog.Weights, title: str
) -> None:
    """Appends what is missing; starts anew if the server cannot go on."""
    stream.seek(0, os.SEEK_END)
    done = stream.tell()
    if done >= weights.num_bytes:  # checked by the caller
        return
    headers = {"Range": f"bytes={done}-"} if done else {}
    request = urllib.request.Request(address, headers=headers)
    opener = urllib.request.build_opener(_SameHost())
    with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
        goes_on = str(response.headers.get("Content-Range", "")).startswith(
            f"bytes {done}-"
        )
        if done and not (response.status == 206 and goes_on):
            stream.truncate(0)
            done = 0
        with progress.make_bar(weights.num_bytes, title, unit="B") as bar:
            bar.update(done)
            while block := response.read(_BLOCK):
                done += len(block)
                if done > weights.num_bytes:
                    raise ValueError(
                        f"{address} gives more than expected. Expected "
                        f"{weights.num_bytes} bytes. Received: more. "
                        "Nothing was kept; do not use this source."
                    )
                stream.write(block)
                bar.update(len(block))
    stream.flush()
    if done < weights.num_bytes:
        raise EOFError(f"the connection ended after {done} bytes")


def imported_class_names(entry: catalog.Entry) -> tuple[str, ...]:
    """Returns the class names given at the import, or the entry's."""
    record = catalog.read_json(kept_folder(entry) / "import.json")
    return tuple(record.get("class_names") or entry.class_names)


def imported_model(entry: catalog.Entry) -> Path | None:
    """Returns the checked SavedModel that was imported; None if none was.

    Raises:
        ValueError: If a file of it was altered since.
    """
    folder = kept_folder(entry)
    if not (folder / "import.json").is_file():
        return None
    record = catalog.read_json(folder / "import.json")
    model = folder / "saved_model"
    if checksums(model) != record.get("files"):
        raise ValueError(
            f"{model} is damaged or was altered. Expected the files that were "
            "imported. Received: others. "
            f"Run `gblend zoo import {entry.name} FILE` again."
        )
    return model


def checksums(folder: Path) -> dict[str, str]:
    """Returns `{path below the folder: sha256}` of all files."""
    return {
        path.relative_to(folder).as_posix(): catalog.sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
