"""A file that the user downloaded -> an entry that loads by name."""

import os
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from pathlib import PurePosixPath
from typing import Any

from gblend_keras.converters import converter
from gblend_keras.converters import detection
from gblend_keras.utils import files
from gblend_keras.zoo import _fetcher
from gblend_keras.zoo import catalog

_NETWORK = "network.weights.h5"
_HAS_FILTER = hasattr(tarfile, "data_filter")
MAX_BYTES = 4 * 2**30  # of an unpacked archive


def import_file(
    entry: catalog.Entry,
    file: Path,
    *,
    class_names: Sequence[str] = (),
    allow_other: bool = False,
) -> str:
    """Makes an entry loadable from a file that its source offers.

    A checkpoint is converted; an archive with a SavedModel is unpacked. Either
    goes to the cache, with its checksum, and loads by name from then on.

    Args:
        entry: Of kind "imported" or "hub".
        file: The checkpoint, or the archive (.tar, .tar.gz, .zip).
        class_names: One a class, in the order of the labels; public
            checkpoints do not tell.
        allow_other: Take a checkpoint with other heads, inputs or number of
            classes than the entry says.

    Returns:
        What was done, as text.

    Raises:
        ValueError: If the file is not of this entry, cannot be converted, or
            would write outside its folder. Nothing is written then.
    """
    if not file.is_file():
        raise ValueError(
            f"{file} is not there. Expected the file of {entry.name}. "
            "Received: a path without a file. Check the path."
        )
    if entry.hub is not None:
        return _import_archive(entry, file)
    if entry.checkpoint is None:
        raise ValueError(
            f"{entry.name} has its weights. Expected an entry of a public "
            f"checkpoint or of Hub. Received: kind='{entry.kind}'. Load it."
        )
    return _import_checkpoint(
        entry,
        entry.checkpoint,
        file,
        class_names=class_names,
        allow_other=allow_other,
    )


def _import_checkpoint(
    entry: catalog.Entry,
    checkpoint: catalog.Checkpoint,
    file: Path,
    *,
    class_names: Sequence[str],
    allow_other: bool,
) -> str:
    choices = detection.Choices(clip=checkpoint.clip)
    report = converter.convert_checkpoint(
        checkpoint.source, file, None, dry_run=True, choices=choices
    )
    plan = report.plan
    found = (set(plan.towers), plan.num_classes)
    if not allow_other and found != (set(entry.inputs), entry.num_classes):
        raise ValueError(
            f"The file is not of {entry.name}. Expected "
            f"{list(entry.inputs)} and {entry.num_classes} classes. "
            f"Received: {list(plan.towers)} and {plan.num_classes} classes. "
            "Check the name; --other takes it all the same."
        )
    if class_names and len(class_names) != plan.num_classes:
        raise ValueError(
            "`class_names` does not fit the checkpoint. Expected "
            f"{plan.num_classes} names. Received: {len(class_names)}. "
            "Give one a line, in the order of the labels."
        )
    folder = _fetcher.kept_folder(entry)
    folder.mkdir(parents=True, exist_ok=True)
    network = folder / _NETWORK
    converter.convert_checkpoint(
        checkpoint.source, file, network, choices=choices
    )
    contract = converter.contract_path(network)
    digest = catalog.sha256(file)
    files.write_json(
        folder / "import.json",
        {
            "file": file.name,
            "sha256": digest,
            "network": network.name,
            "files": {
                each.name: catalog.sha256(each) for each in (network, contract)
            },
            "class_names": list(class_names),
        },
    )
    return f"{report.summary()}\nsha256 of {file.name}: {digest}"


def _import_archive(entry: catalog.Entry, file: Path) -> str:
    folder = _fetcher.kept_folder(entry)
    with files.partial_folder(folder.parent) as beside:
        temporary = beside / folder.name
        unpack(file, temporary / "saved_model")
        if not (temporary / "saved_model" / "saved_model.pb").is_file():
            raise ValueError(
                f"{file} is no SavedModel. Expected `saved_model.pb` at the "
                "top of the archive. Received: none. Download the "
                "TensorFlow 2 SavedModel of this entry."
            )
        digest = catalog.sha256(file)
        files.write_json(
            temporary / "import.json",
            {
                "file": file.name,
                "sha256": digest,
                "files": _fetcher.checksums(temporary / "saved_model"),
            },
        )
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    return f"sha256 of {file.name}: {digest}"


def unpack(file: Path, folder: Path) -> None:
    """Unpacks an archive into a new folder; all its names are checked first.

    Args:
        file: A `.zip`, or a `.tar`, plain or compressed.
        folder: Does not exist yet.

    Raises:
        ValueError: If it is no archive, or has a name that leads outside, a
            link, a device, or more than 4 GiB. Nothing is written then.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_names(file, [each.filename for each in entries])
            _check_size(file, sum(each.file_size for each in entries))
            archive.extractall(folder)
        return
    try:
        with tarfile.open(file) as archive:
            members = archive.getmembers()
            _check_names(file, [each.name for each in members])
            _check_size(file, sum(each.size for each in members))
            odd = [x.name for x in members if not (x.isreg() or x.isdir())]
            if odd:
                raise ValueError(
                    f"{file} holds links or devices. Expected files and "
                    f"folders. Received: {odd[:3]}. Do not use this archive."
                )
            # Names and kinds are checked above; the filter came with 3.11.4.
            safe: Any = {"filter": "data"} if _HAS_FILTER else {}
            archive.extractall(folder, **safe)
    except (tarfile.TarError, EOFError) as error:
        raise ValueError(
            f"{file} is no archive. Expected .zip, .tar or .tar.gz. "
            f"Received: {error}. Download it again."
        ) from error


def _check_names(file: Path, names: Sequence[str]) -> None:
    bad = [
        name
        for name in names
        if PurePosixPath(name).is_absolute()
        or ".." in PurePosixPath(name.replace("\\", "/")).parts
        or ":" in name
    ]
    if bad:
        raise ValueError(
            f"{file} would write outside its folder. Expected names below it. "
            f"Received: {bad[:3]}. Do not use this archive."
        )


def _check_size(file: Path, num_bytes: int) -> None:
    if num_bytes > MAX_BYTES:
        raise ValueError(
            f"{file} is too large. Expected at most {MAX_BYTES} bytes when "
            f"unpacked. Received: {num_bytes}. Do not use this archive."
        )
