"""What an upload would become: read to its end, judged by the gates, and left as it is.

This is what the process does that reads an upload; see `child`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from training_pipeline.datasets.summary import export_summary
from training_pipeline.domain.errors import InvalidRequest, PipelineError, SheetUnreadable
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.infra.files import is_file, replace_file
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.diff import diff
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.head import Head, write_head
from training_pipeline.sheets.importing.convert import Conversion
from training_pipeline.sheets.importing.importer import Guard, examine, left_open, refuse, write_pairs
from training_pipeline.sheets.importing.reading import workbook
from training_pipeline.sheets.importing.reading.file_kind import Source
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.bounds import bounded
from training_pipeline.uploads.found import FoundChange, FoundChanges, FoundProblem, OpenQuestion, UploadPreview
from training_pipeline.uploads.glance import Glance
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.wording import as_field, in_words

#: Problems that are listed; all of them are counted.
MOST_PROBLEMS: Final = 200
#: Changed pairs that are named; all of them are counted.
MOST_CHANGES: Final = 100
_SHEET: Final = "looked-at"
_NOT_STATED: Final = Reference(id="not-stated")


def guard_of(limits: UploadLimits, glance: Glance | None = None) -> Guard:
    """What keeps a source within the limits, and has it looked at on the way."""

    def guard(source: Source) -> Source:
        within = bounded(source, limits)
        return within if glance is None else glance.watching(within)

    return guard


def look(
    request: ImportRequest,
    scratch: Path,
    limits: UploadLimits,
    policy: GatePolicy,
    *,
    sheets: Path | None = None,
    replaces: bool = False,
) -> UploadPreview:
    """Read an upload to its end and say what was found. Writes below `scratch` only, and removes it.

    `sheets` is where the training sheets are; with `replaces`, the one with this id is compared.
    Raises `InvalidRequest` for a file of no known kind. What else is wrong is part of what was found.
    """
    glance = Glance()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        conversion = examine(request, guard_of(limits, glance))
        pairs = scratch / f"{_SHEET}.parquet"
        write_pairs(conversion, pairs)
        questions, is_ready = left_open(conversion), _is_ready(conversion)
        tally = conversion.tally
        is_there = sheets is not None and is_file(sheets / f"{request.id}.yaml")
        gates = changes = None
        if tally.pairs and not len(tally.faults):
            with _opened(conversion, scratch, limits) as opened:
                gates = export_summary(opened, policy)
                if sheets is not None and is_there and replaces:
                    changes = _changes(sheets, request.id, opened)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    source, file, unit = conversion.source, request.file.name, conversion.source.unit
    return UploadPreview(
        kind=source.kind,
        kind_because=source.why,
        format=conversion.format.name,
        format_title=conversion.format.title,
        format_because=conversion.why,
        unit=unit,
        rows=tally.rows,
        pairs=tally.pairs,
        sound=tally.sound,
        is_ready=is_ready,
        columns=glance.columns(tally.columns),
        used=conversion.used_sources(),
        unused=dict(tally.unused.most_common(200)),
        left_out=dict(tally.left_out),
        unmapped={target: dict(words.most_common(100)) for target, words in tally.unmapped.items()},
        first_rows=tuple(glance.first.values()),
        problems=tuple(
            FoundProblem(
                severity=str(one.severity),
                where=one.where(file, unit),
                column=one.path,
                code=one.code,
                message=in_words(one.message),
                count=one.count,
                rows=tuple(one.rows),
            )
            for one in [*tally.faults, *tally.findings][:MOST_PROBLEMS]
        ),
        open_questions=tuple(
            OpenQuestion(pointer=one.pointer, code=one.code, message=one.message) for one in map(as_field, questions)
        ),
        worksheets=workbook.worksheets(request.file) if source.kind == "workbook" else (),
        replaces=is_there,
        changes=changes,
        gates=gates,
    )


def _is_ready(conversion: Conversion) -> bool:
    try:
        refuse(conversion)
    except (InvalidRequest, SheetUnreadable):
        return False
    return True


@contextmanager
def _opened(conversion: Conversion, scratch: Path, limits: UploadLimits) -> Iterator[OpenSheet]:
    """The pairs as they are now, as a training sheet. What nobody stated is not allowed."""
    request = conversion.request
    head = Head(
        name=_SHEET,
        status=SheetStatus.REVIEW,
        source_sheet=request.source or _NOT_STATED,
        prompt_template=request.template or _NOT_STATED,
        tags=request.tags,
    )
    replace_file(scratch / f"{_SHEET}.yaml", write_head(head))
    memory = f"{max(64, limits.memory_bytes // 4 // 2**20)}MB"
    sheets = FileTrainingSheets([scratch], memory_limit=memory, threads=2, temp_directory=scratch / "tmp")
    with sheets.open(_SHEET) as opened:
        yield opened


def _changes(sheets: Path, sheet_id: str, opened: OpenSheet) -> FoundChanges | None:
    """What changes from the sheet that is there; null where that cannot be read."""
    try:
        with FileTrainingSheets([sheets]).open(sheet_id) as before:
            found = diff(before, opened, limit=MOST_CHANGES)
    except PipelineError:
        return None
    pairs = tuple(FoundChange(pair_id=one.pair_id, was=one.was, changes=one.changes) for one in found.pairs)
    return FoundChanges(counts=found.counts, total=found.total, pairs=pairs)
