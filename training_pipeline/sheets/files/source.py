"""Training sheets from files: `<id>.yaml` beside `<id>.jsonl`, `.parquet` or `.csv`."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from training_pipeline.domain.errors import NotFound, PipelineError, SheetChanged, Unavailable
from training_pipeline.domain.rules.examples.chat_format import Problem
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.infra.files import is_file
from training_pipeline.sheets.base import OpenSheet, StampedSheet
from training_pipeline.sheets.files.sheet_files import SheetFiles, digest_of
from training_pipeline.sheets.head import Head, parse_head, read_head, read_head_bytes

if TYPE_CHECKING:
    from training_pipeline.domain.errors import SheetUnreadable

SAMPLES: Final = Path(__file__).parents[1] / "samples"
SUFFIXES: Final = (".jsonl", ".parquet", ".csv")
#: So long after its last change a file's stamp is taken for the version: no file system's clock is as coarse.
SETTLED_NS: Final = 3 * 10**9
SHEET_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileTrainingSheets:
    """Training sheets in directories; of two sheets with the same id the one in the earlier directory counts."""

    directories: Sequence[Path]
    memory_limit: str = "1GB"
    threads: int | None = None
    temp_directory: Path | None = None

    def list(self) -> list[TrainingSheet]:
        """The heads that can be read, by id; `unreadable` has the others, which are also logged. Reads only.

        Raises `Unavailable` if a directory cannot be read, which is not the same as one that is not there.
        """
        found = []
        for sheet_id, path in sorted(self._head_files().items()):
            if isinstance(head := read_head(path), Head):
                found.append(head.sheet(sheet_id))
            else:
                _log.warning("training sheet %s is left out of the list: its head cannot be read", sheet_id)
        return found

    def unreadable(self) -> dict[str, SheetUnreadable]:
        """Why the heads that `list` leaves out cannot be read, by id. Reads only."""
        found = {}
        for sheet_id, path in sorted(self._head_files().items()):
            if not isinstance(head := read_head(path), Head):
                found[sheet_id] = _unreadable(sheet_id, path.name, head)
        return found

    def get(self, sheet_id: str) -> TrainingSheet:
        """One sheet's head; raises `NotFound`, naming those there are, or `SheetUnreadable`. Reads only."""
        path = self.head_file(sheet_id)
        head = read_head(path)
        if isinstance(head, Head):
            return head.sheet(sheet_id)
        raise _unreadable(sheet_id, path.name, head)

    def head_file(self, sheet_id: str) -> Path:
        """Where the sheet's YAML is; raises `NotFound`, naming the sheets there are. Reads only."""
        heads = self._head_files()
        if sheet_id in heads:
            return heads[sheet_id]
        places = ", ".join(str(directory) for directory in self.directories)
        known = f"There are: {', '.join(sorted(heads))}." if heads else f"There are none in {places}."
        lonely = [] if not SHEET_ID.fullmatch(sheet_id) else self._data_files(sheet_id)
        if lonely:
            known = f"{lonely[0]} has no {sheet_id}.yaml beside it: create one with `training-pipeline sheets import`."
        raise NotFound(f"There is no training sheet '{sheet_id}'.", hint=known)

    def files(self, sheet_id: str) -> SheetFiles:
        """The sheet's files; raises `NotFound`, or `SheetUnreadable` if they do not make a sheet. Reads only."""
        path = self.head_file(sheet_id)
        content = read_head_bytes(path)
        while True:
            head = [content] if isinstance(content, Problem) else parse_head(content)
            found, problems = _pairs_beside(path, head.pairs_file if isinstance(head, Head) else None)
            if isinstance(content, bytes) and isinstance(head, Head) and not problems:
                return SheetFiles(sheet_id, path, content, head, found[0])
            # The pairs of a sheet that has just been replaced are gone, and those of the new head are there.
            before, content = content, read_head_bytes(path)
            if content == before:
                raise _unreadable(sheet_id, path.name, [*([] if isinstance(head, Head) else head), *problems])

    def look(self, sheet_id: str) -> StampedSheet:
        """The head, stamped with which file its pairs are and when that was changed last. Does not read the pairs."""
        files = self.files(sheet_id)
        return StampedSheet(files.head.sheet(sheet_id), _stamp_of(files, _stamp(files.data)))

    @contextmanager
    def open(self, sheet_id: str) -> Iterator[OpenSheet]:
        """The sheet with its pairs on a DuckDB connection of its own, closed at the end. Reads only.

        Raises `NotFound`, `SheetUnreadable` with every structural fault at once (also for a fault met while the pairs
        are read), and `SheetChanged` if the pairs were changed meanwhile, whatever else came of that.
        """
        from training_pipeline.sheets.files.opening import opened_files

        files = self.files(sheet_id)
        now, before = time.time_ns(), _stamp(files.data)
        try:
            with opened_files(files, digest_of(files), self.memory_limit, self.threads, self.temp_directory) as opened:
                yield replace(opened, stamp=_stamp_of(files, before) if _is_settled(before, now) else None)
        except (PipelineError, OSError):
            if _has_changed(files.data, before):
                raise _changed(sheet_id) from None
            raise
        if _has_changed(files.data, before):
            raise _changed(sheet_id)

    def digest(self, sheet_id: str) -> tuple[TrainingSheet, str]:
        """The sheet's head, and the digest of that and its pairs, which are not looked at: they may be faulty."""
        files = self.files(sheet_id)
        before = _stamp(files.data)
        digest = digest_of(files)
        if _has_changed(files.data, before):
            raise _changed(sheet_id)
        return files.head.sheet(sheet_id), digest

    def _head_files(self) -> dict[str, Path]:
        heads: dict[str, Path] = {}
        for directory in self.directories:
            for path in _entries(directory):
                if path.suffix == ".yaml" and SHEET_ID.fullmatch(path.stem):
                    heads.setdefault(path.stem, path)
        return heads

    def _data_files(self, sheet_id: str) -> Sequence[Path]:
        found = (directory / (sheet_id + suffix) for directory in self.directories for suffix in SUFFIXES)
        return [path for path in found if is_file(path)]


def _unreadable(sheet_id: str, file: str, problems: Iterable[Problem]) -> SheetUnreadable:
    from training_pipeline.sheets.files.structure import unreadable

    return unreadable(sheet_id, file, problems)


def _has_changed(data: Path, before: tuple[int, ...]) -> bool:
    return not is_file(data) or _stamp(data) != before


def _entries(directory: Path) -> Sequence[Path]:
    try:
        return list(directory.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Unavailable(
            f"The training sheets in {directory} cannot be read: {error.strerror}.", hint="It must be a directory."
        ) from None


def _pairs_beside(head: Path, named: str | None) -> tuple[Sequence[Path], Sequence[Problem]]:
    """The files of pairs that count beside a head, and what is wrong unless it is exactly one."""
    if named is not None and not named.startswith(f"{head.stem}@"):
        return [], [Problem("/pairs_file", "foreign_file", f"must begin with '{head.stem}@'")]
    names = [head.stem + suffix for suffix in SUFFIXES] if named is None else [named]
    there = [path for name in names if os.path.lexists(path := head.with_name(name))]
    found = [path for path in there if is_file(path)]
    if len(found) > 1:
        listed = ", ".join(path.name for path in found)
        return found, [Problem("", "ambiguous_files", f"has {listed} next to it; keep only one of them")]
    if found:
        return found, []
    if there:
        return [], [Problem("", "missing_file", f"has {there[0].name} beside it, which is no file or a broken link")]
    return [], [Problem("", "missing_file", f"has no pairs beside it; expected {' or '.join(names)}")]


def _changed(sheet_id: str) -> SheetChanged:
    return SheetChanged(f"Training sheet '{sheet_id}' was changed while it was read.", hint="Try again.")


def _stamp(path: Path) -> tuple[int, ...]:
    """Which file it is and when it was changed last; empty where there is none. No program can set `st_ctime`."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return ()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _is_settled(stamp: tuple[int, ...], now: int) -> bool:
    """Whether whatever changes the file from now on gives it another stamp: not within one tick of a clock."""
    return bool(stamp) and stamp[-1] + SETTLED_NS < now


def _stamp_of(files: SheetFiles, stamp: tuple[int, ...]) -> str:
    """The stamp of a sheet whose file of pairs has this one."""
    told = f"{files.id}\n{files.data}\n{stamp}\n".encode()
    return hashlib.sha256(told + files.head_bytes).hexdigest()
