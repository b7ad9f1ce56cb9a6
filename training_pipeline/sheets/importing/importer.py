"""Make a training sheet of any file that is recognised. Nothing is approved or allowed unless it is stated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, SheetUnreadable, Unavailable
from training_pipeline.domain.pair_schema import PAIR_SCHEMA
from training_pipeline.domain.rules.examples.chat_format import Problem, Severity
from training_pipeline.domain.training_sheet import Reference
from training_pipeline.infra.file_lock import hold_directory
from training_pipeline.infra.files import is_file, sha256, sync
from training_pipeline.sheets.files.replacing import left_over, put_in_place, writing
from training_pipeline.sheets.files.source import SUFFIXES as SHEET_SUFFIXES
from training_pipeline.sheets.files.structure import MOST_LISTED
from training_pipeline.sheets.files.versions import version_of
from training_pipeline.sheets.head import Head, read_head, write_head
from training_pipeline.sheets.importing.convert import Conversion, convert
from training_pipeline.sheets.importing.reading.file_kind import SAVED, SUFFIXES, Source, read_source
from training_pipeline.sheets.importing.request import ImportRequest, unstated
from training_pipeline.sheets.importing.tally import Findings

#: Pairs, and characters of their texts, that are written at once.
_BATCH: Final = 20_000
_BATCH_TEXT: Final = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Imported:
    """The files that were written, and what was found on the way."""

    head: Head
    head_file: Path
    data: Path
    conversion: Conversion

    @property
    def rows(self) -> int:
        """How many pairs the sheet has."""
        return self.conversion.tally.pairs


#: Stands between a file and whoever reads it, to bound or to watch its rows.
Guard = Callable[[Source], Source]


def import_sheet(
    request: ImportRequest, directory: Path, *, overwrite: bool = False, keep: bool = True, guard: Guard | None = None
) -> Imported:
    """Write `<id>@<digest>.parquet` and then `<id>.yaml`, which names it, readable by their owner only.

    The head makes the sheet, and its rename replaces one: whoever reads sees the old sheet or the new one, at any time
    and whatever stops this. The old one is kept as a version before, if `keep`; its file of pairs is removed after, and
    so is whatever an import left that was killed. One import at a time writes there.

    Raises `InvalidRequest` with everything that is missing or wrong at once, `SheetUnreadable` for a broken file or one
    of which no row is sound, and `Conflict` if there is such a sheet and not `overwrite`. A pair id that no column
    gives is `<id>-000001` and so on, in the order of the file; an item that no column gives is the pair itself.
    """
    problems = list(unstated(request))
    if any(problem.pointer == "--id" for problem in problems):
        raise _refused(problems)
    conversion = examine(request, guard)
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with hold_directory(directory):
            return _imported(request, directory, conversion, overwrite=overwrite, keep=keep)
    except OSError as error:
        raise _not_written(directory, error.strerror or str(error)) from error


def examine(request: ImportRequest, guard: Guard | None = None) -> Conversion:
    """The file as it would be imported, by its first rows; raises `InvalidRequest` where it is none that is known."""
    file, mapping = request.file, request.mapping
    if not (is_file(file) or file.is_dir()):
        raise _refused([FieldProblem("FILE", "missing_file", f"there is no file {file}"), *unstated(request)])
    try:
        source = read_source(file, delimiter=mapping.delimiter, worksheet=mapping.worksheet, split=mapping.split)
    except OSError as error:
        raise Unavailable(f"{file} cannot be read: {error.strerror or error}.", hint="Try again.") from None
    if source is None:
        expected = f"{file.name} is none of {', '.join(SUFFIXES)}"
        if file.is_dir():
            expected = f"{file.name} is a folder that neither save_to_disk of datasets wrote, nor Delta or Iceberg"
        raise _refused([FieldProblem("FILE", "unknown_format", expected), *unstated(request)])
    if mapping.split is not None and source.kind != SAVED:
        raise _refused([FieldProblem("--split", "no_splits", f"{file.name} has no splits"), *unstated(request)])
    return convert(source if guard is None else guard(source), request)


def dry(request: ImportRequest, guard: Guard | None = None) -> Conversion:
    """Read the file to its end and raise what `import_sheet` would of it; writes nothing."""
    conversion = examine(request, guard)
    for _ in conversion.pairs():
        pass
    refuse(conversion)
    return conversion


def left_open(conversion: Conversion) -> list[FieldProblem]:
    """What must still be said of a file that was read to its end before it can be imported."""
    has_status = bool(conversion.format.status_words)
    return [*unstated(conversion.request, has_status=has_status), *conversion.refusals()]


def refuse(conversion: Conversion) -> None:
    """Raise whatever keeps a file that was read to its end from being imported."""
    tally = conversion.tally
    if not tally.rows:
        tally.faults.add(Problem("", "empty_file", "holds no pairs; a training sheet needs at least one"))
    if len(tally.faults):
        raise _unreadable(conversion, tally.faults, "cannot be read")
    if problems := left_open(conversion):
        raise _refused(
            problems, f"It was read as {conversion.source.kind}, {conversion.format.title}: {conversion.why}."
        )
    if not tally.sound:
        if not tally.pairs:
            why = ", ".join(f"{count:,} {what}" for what, count in tally.left_out.items())
            tally.findings.add(Problem("", "no_pairs", f"none of its rows is a pair: {why}"))
        raise _unreadable(conversion, tally.findings, "has no sound row")


def _imported(
    request: ImportRequest, directory: Path, conversion: Conversion, *, overwrite: bool, keep: bool
) -> Imported:
    head_file = directory / f"{request.id}.yaml"
    present = list(_present(head_file))
    if present and not overwrite:
        raise Conflict(f"There is {present[0]} already.", hint="Choose another --id, or add --replace.")
    if any(is_file(path) and path.samefile(request.file) for path in present):
        raise Conflict(f"{request.file} would be replaced by what is made of it.", hint="Choose another --id.")
    if head_file.is_dir() and not head_file.is_symlink():
        raise Conflict(f"{head_file} is a directory.", hint="Move it away, or choose another --id.")
    with writing(head_file) as written:
        write_pairs(conversion, written)
        refuse(conversion)
        data = directory / f"{request.id}@{sha256(written)[:12]}.parquet"
        head = _head(conversion, data.name)
        old = version_of(directory, request.id) if keep and present else None
        put_in_place(head_file, write_head(head), written, data, old=old)
        for path in {*present, *left_over(head_file)} - {head_file, data}:
            path.unlink(missing_ok=True)
        sync(directory)
    return Imported(head, head_file, data, conversion)


def write_pairs(conversion: Conversion, file: Path) -> None:
    """Read the file to its end, and write its pairs as Parquet."""
    schema = PAIR_SCHEMA.to_pyarrow()
    with pq.ParquetWriter(file, schema) as writer:
        batch: list[dict[str, Any]] = []
        characters = 0
        for pair in conversion.pairs():
            batch.append(pair)
            characters += sum(len(message.get("content") or "") for message in pair["messages"] or ())
            if len(batch) >= _BATCH or characters >= _BATCH_TEXT:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch, characters = [], 0
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))


def _present(head_file: Path) -> Iterator[Path]:
    """What stands under the names of the sheet: its head, and whatever file of pairs the head means."""
    head = read_head(head_file) if os.path.lexists(head_file) else None
    named = [head.pairs_file] if isinstance(head, Head) and head.pairs_file else []
    named = [name for name in named if name.startswith(f"{head_file.stem}@")]  # else it is another sheet's
    for name in (head_file.name, *named, *(head_file.stem + suffix for suffix in SHEET_SUFFIXES)):
        if os.path.lexists(path := head_file.with_name(name)):
            yield path


def _head(conversion: Conversion, pairs_file: str) -> Head:
    """The sheet's head. What is stated for every pair stands in every row, not in its defaults."""
    request = conversion.request
    if request.sheet_status is None or request.source is None or request.template is None:
        raise _refused(list(unstated(request)))
    return Head(
        name=request.name or request.id,
        status=request.sheet_status,
        source_sheet=request.source or Reference(id=request.id),
        prompt_template=request.template,
        tags=request.tags,
        owner=request.owner,
        exclude_near_held_out=request.exclude_near_held_out,
        evaluate_on=request.evaluate_on,
        evaluate_judge=request.evaluate_judge,
        description=request.description,
        metadata={
            **request.metadata,
            "imported_from": request.file.name,
            "imported_format": conversion.format.name,
        },
        pairs_file=pairs_file,
    )


def _unreadable(conversion: Conversion, findings: Findings, what: str) -> SheetUnreadable:
    """The error for a file of which nothing was taken; lists the first findings and counts the others."""
    file, unit = conversion.request.file.name, conversion.source.unit
    told = [one for one in findings if one.severity is Severity.ERROR] or list(findings)
    problems = [FieldProblem(one.where(file, unit), one.code, one.message) for one in told[:MOST_LISTED]]
    if more := len(told) - MOST_LISTED + findings.not_told if len(told) > MOST_LISTED else findings.not_told:
        problems.append(FieldProblem(file, "more", f"and {more:,} more like these"))
    hint = f"Nothing was written. `training-pipeline sheets check {conversion.request.file}` lists every problem."
    return SheetUnreadable(f"{file} {what} as {conversion.source.kind}.", hint=hint, problems=problems)


def _not_written(directory: Path, why: str) -> Unavailable:
    hint = "Check that there is space and that you may write there; then try again."
    return Unavailable(f"{directory} cannot be written: {why}.", hint=hint)


def _refused(problems: list[FieldProblem], taken_for: str = "") -> InvalidRequest:
    said = "Nothing was written. Nothing is approved or allowed by default: give a value, or the column that has it."
    hint = f"{taken_for} {said}".strip()
    return InvalidRequest("The file cannot be imported.", hint=hint, problems=problems)
