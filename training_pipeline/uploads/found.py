"""What is found in an upload when it is read with a mapping: all that somebody needs to decide what it shall become."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.export_summary import ExportSummary


class FoundProblem(BaseModel):
    """One problem, and the rows that have it: the first of them by number."""

    model_config = ConfigDict(frozen=True)

    severity: str
    where: str
    column: str
    code: str
    message: str
    count: int
    rows: tuple[int, ...]


class OpenQuestion(BaseModel):
    """What must be said before the upload can become a training sheet; `pointer` is the field that says it."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    code: str
    message: str


class FoundColumn(BaseModel):
    """A column of the file, and its values where they are few and short."""

    model_config = ConfigDict(frozen=True)

    name: str
    values: tuple[str, ...]
    has_more_values: bool


class FirstRow(BaseModel):
    """One of the first rows: the beginning of the text in each column."""

    model_config = ConfigDict(frozen=True)

    row: int
    cells: dict[str, str]


class FoundChange(BaseModel):
    """A pair that is another one than in the sheet that would be replaced, and how; see `sheets.diff.CHANGES`."""

    model_config = ConfigDict(frozen=True)

    pair_id: str
    was: str | None
    changes: tuple[str, ...]


class FoundChanges(BaseModel):
    """What replacing a sheet would change: how many pairs in each way, and the first of them."""

    model_config = ConfigDict(frozen=True)

    counts: dict[str, int]
    total: int
    pairs: tuple[FoundChange, ...]


class UploadPreview(BaseModel):
    """An upload, read with a mapping. Nothing of it is a training sheet yet."""

    model_config = ConfigDict(frozen=True)

    kind: str
    kind_because: str
    format: str
    format_title: str
    format_because: str
    unit: str
    rows: int
    pairs: int
    sound: int
    is_ready: bool
    columns: tuple[FoundColumn, ...]
    #: Column of the sheet to the columns of the file that it comes from.
    used: dict[str, tuple[str, ...]]
    unused: dict[str, int]
    left_out: dict[str, int]
    #: Column of the sheet to words that mean nothing there, with their counts.
    unmapped: dict[str, dict[str, int]]
    first_rows: tuple[FirstRow, ...]
    problems: tuple[FoundProblem, ...]
    open_questions: tuple[OpenQuestion, ...]
    #: The sheets of a workbook.
    worksheets: tuple[str, ...] = ()
    #: Whether there is a training sheet with this id already.
    replaces: bool = False
    #: What replacing it would change; null where nobody asked, or nothing can be compared.
    changes: FoundChanges | None = None
    #: What the gates say of the pairs as they would be now; null where there are none, or the file is broken.
    gates: ExportSummary | None
