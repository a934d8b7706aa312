"""The folder that a preparation writes: its lock, its state, its end.

While it runs, `.preparing` holds what is known of each finished shard; the
index, written last, replaces it. A shard counts as finished when it is known
and has its size: files appear whole or not at all, so that is enough.
"""

import contextlib
import csv
import dataclasses
import io
import json
import os
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gblend_keras.data.records import _shard_plan
from gblend_keras.data.records import record_index
from gblend_keras.data.records.record_format import Failure
from gblend_keras.data.records.record_format import RecordSet
from gblend_keras.data.records.record_format import Shard
from gblend_keras.utils import files
from gblend_keras.utils import lock

_STATE = ".preparing"
_LOCK = ".lock"
_RUN = "run.json"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes the folder and keeps other processes from preparing into it.

    The lock ends with the process, however that ends.

    Raises:
        ValueError: If another process is at it, or it cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with files.writing_into(folder, argument="out"):
            try:
                stack.enter_context(lock.held(folder / _LOCK))
            except lock.InUseError as error:
                raise ValueError(
                    "`out` is in use. Expected a folder that no other process "
                    f"is writing. Received: out={str(folder)!r}, which "
                    f"{error} writes. "
                    "Wait for that process, or choose another folder."
                ) from error
        yield


class OutputFolder:
    """A folder that is locked by this process, and the state in it.

    Attributes:
        path: The folder.

    Args:
        folder: The folder.
        identity: Of the run; see `sharding.identity`.

    Raises:
        ValueError: If the folder holds something else than this run.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        self.path = folder
        self._identity = dict(identity)
        self._state = folder / _STATE
        self._found = self._found_identity()
        if self._found is not None:
            # Versions matter only where something is left to make.
            self._check({"versions": self._identity["versions"]})
        files.remove_partial(folder)

    def finished(self) -> dict[str, Shard]:
        """Returns the shards that are there, by file name."""
        known = []
        if (self.path / record_index.INDEX).exists():
            index, _ = record_index.read_index_file(self.path)
            known = [each for part in index.splits.values() for each in part]
        for path in self._state.glob("*.tfrecord.json"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                known.append(Shard.from_json(json.loads(path.read_text())))
        there = {}
        for shard in known:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(self.path / shard.file).st_size == shard.num_bytes:
                    there[shard.file] = shard
        return there

    def complete(self) -> bool:
        """Whether the run has come to its end."""
        index = self.path / record_index.INDEX
        return index.exists() and not self._state.exists()

    def begin(self) -> None:
        """Notes which run this is, before the first shard.

        Raises:
            ValueError: If other versions of packages made the shards so far.
        """
        if self._found is not None:
            self._check({})
        files.write_json(self._state / _RUN, self._identity)

    def keep(self, shard: Shard) -> None:
        """Notes that a shard is finished."""
        files.write_json(self._state / f"{shard.file}.json", shard.to_json())

    def finish(self, record_set: RecordSet) -> None:
        """Writes the table of failures and the index; drops the state."""
        table = io.StringIO()
        names = [field.name for field in dataclasses.fields(Failure)]
        writer = csv.DictWriter(table, names, lineterminator="\n")
        writer.writeheader()
        for failure in record_set.failures():
            writer.writerow(dataclasses.asdict(failure))
        files.write_text(self.path / record_index.FAILURES, table.getvalue())
        record_index.write_index(
            record_set,
            {
                name: self._identity[name]
                for name in ("segments_sha256", "versions")
            },
        )
        shutil.rmtree(self._state, ignore_errors=True)

    def _found_identity(self) -> Mapping[str, Any] | None:
        """The run that the folder belongs to; None if it is a new one."""
        if (self.path / record_index.INDEX).exists():
            index, made_by = record_index.read_index_file(self.path)
            return {
                **made_by,
                "dataset": index.dataset,
                "multi_label": index.multi_label,
                "settings": dataclasses.asdict(index.settings),
            }
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, Any] = json.loads(
                (self._state / _RUN).read_text(encoding="utf-8")
            )
            return found
        if any(self.path.glob("*.tfrecord")):
            raise ValueError(
                "`out` holds records of another origin. Expected an empty "
                "folder, or one that this command began. Received: "
                f"out={str(self.path)!r}. Choose another folder."
            )
        return None

    def _check(self, accepted: Mapping[str, Any]) -> None:
        different = _shard_plan.differences(
            {**(self._found or {}), **accepted}, self._identity
        )
        if different:
            raise ValueError(
                "`out` holds records of another run. Expected the same "
                "annotations, videos, settings and versions. Received: "
                f"{'; '.join(different)}. Choose another folder."
            )
