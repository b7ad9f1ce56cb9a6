"""Requests to make a training sheet of an upload, and what is found in one."""

from __future__ import annotations

from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field

from training_pipeline.domain import training_sheet
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.usage import DataClassification
from training_pipeline.domain.validation import problems_from_validation
from training_pipeline.schemas.base import Answer
from training_pipeline.schemas.training_sheet import ExportSummary
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.found import UploadPreview
from training_pipeline.uploads.staging import ID, Upload

_SHEET_ID: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$"
_TEXT: Final = 1000
_USES: Final = [["training", "validation"]]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(_Asked):
    """A source of a training sheet."""

    id: str = Field(min_length=1, max_length=_TEXT, description="Its id.", examples=["incoming-documents"])
    name: str = Field("", max_length=_TEXT, description="Its name.", examples=["Incoming documents"])
    version: str = Field("", max_length=_TEXT, description="Its version.", examples=["7"])


class ImportMapping(_Asked):
    """How the file is read. What is left out is recognised automatically."""

    format: str | None = Field(
        None, max_length=100, description="Format of the rows; null to recognise it.", examples=["columns"]
    )
    columns: dict[str, list[str]] = Field(
        {},
        description=(
            "Mapping from columns of the training sheet to columns of the file; a question may combine several."
        ),
        examples=[{"question": ["context", "question"], "answer": ["reply"], "allowed_uses": ["ok_for_training"]}],
    )
    values: dict[str, dict[str, list[str]]] = Field(
        {},
        description=(
            "Mapping from columns of the training sheet to the meaning of each word in the file; an empty "
            "list for a word without meaning."
        ),
        examples=[{"allowed_uses": {"yes": ["training", "validation"], "no": []}}],
    )
    ignore: list[str] = Field([], description="Columns to ignore.", examples=[["notes"]])
    choose: str | None = Field(
        None, max_length=100, description="Which annotation to use if an item has several.", examples=["agree"]
    )
    delimiter: str | None = Field(None, max_length=10, description="CSV: the field separator.", examples=[";"])
    list_separator: str | None = Field(
        None, max_length=10, description="CSV: the separator between the words of a list.", examples=["|"]
    )
    worksheet: str | None = Field(
        None, max_length=_TEXT, description="Worksheet to read, if the workbook has several.", examples=["Answers"]
    )


class ImportTrainingSheet(_Asked):
    """A training sheet to make from an upload. Nothing is approved or allowed by default."""

    upload_id: str | None = Field(
        None,
        pattern=ID,
        description="An upload of an earlier dry run, instead of a file.",
        examples=["up-" + "0f" * 16],
    )
    url: str | None = Field(
        None,
        max_length=2048,
        description="A file or a Delta or Iceberg table in a bucket, instead of a file: s3://, gs://, abfss:// or "
        "az://, below a prefix that the installation allows.",
        examples=["s3://acme-exports/reviewed/answers.csv"],
    )
    table_version: str | None = Field(
        None,
        max_length=100,
        description="With the `url` of a table: its version or snapshot; the latest by default.",
        examples=["12"],
    )
    id: str = Field(pattern=_SHEET_ID, description="Id of the new training sheet.", examples=["triage"])
    mapping: ImportMapping = Field(ImportMapping(), description="How the file is read.")
    name: str | None = Field(None, max_length=_TEXT, description="Its name; by default its id.", examples=["Triage"])
    sheet_status: training_sheet.SheetStatus | None = Field(
        None,
        description="Status of the training sheet; `review` by default. Only a steward may set `approved`.",
        examples=["review"],
    )
    status: str | None = Field(None, max_length=100, description="Status of every pair.", examples=["labeled"])
    allow: list[str] = Field([], max_length=10, description="Uses allowed for every pair.", examples=_USES)
    prohibit: list[str] = Field(
        [], max_length=10, description="Uses prohibited for every pair, or `none`.", examples=[["none"]]
    )
    classification: DataClassification | None = Field(
        None, description="Classification of every pair.", examples=["internal"]
    )
    usage_reason: str | None = Field(
        None, max_length=_TEXT, description="Reason for the uses.", examples=["contract 17"]
    )
    reviewed_by: str | None = Field(None, max_length=_TEXT, description="Who reviewed the pairs.", examples=["grace"])
    reviewed_at: str | None = Field(
        None, max_length=100, description="When they were reviewed.", examples=["2026-11-28"]
    )
    constraints_set_by: str | None = Field(
        None, max_length=_TEXT, description="Who decided on their uses.", examples=["ada"]
    )
    constraints_set_at: str | None = Field(
        None, max_length=100, description="When they were reviewed.", examples=["2026-11-28"]
    )
    source: Origin | None = Field(None, description="Source sheet of the items.")
    template: Origin | None = Field(None, description="Prompt template that generated the questions.")
    tags: list[str] = Field([], max_length=100, description="Tags of the source table.", examples=[["PHI"]])
    owner: str = Field("", max_length=_TEXT, description="Owner of the training sheet.", examples=["operations"])
    exclude_near_held_out: bool = Field(
        False, description="Exclude pairs whose question nearly equals a held-out one.", examples=[False]
    )
    evaluate_on: str = Field(
        "",
        max_length=_TEXT,
        description="Evaluation suite on which every model trained on it is evaluated.",
        examples=["triage-2026-11"],
    )
    evaluate_judge: str = Field(
        "",
        max_length=_TEXT,
        description="Judge of the answers in that evaluation, by its name in the settings.",
        examples=["house-judge"],
    )
    description: str = Field("", max_length=10_000, description="Its description.", examples=["Which desk?"])
    replace: bool = Field(
        False, description="Replace a training sheet with this id; the old version is kept.", examples=[False]
    )

    def request(self) -> ImportRequest:
        """What the importer is asked for, but for the file. Raises `InvalidRequest` for a wrong mapping."""
        stated = self.model_dump(exclude_none=True, exclude={"mapping", "upload_id", "url", "table_version", "replace"})
        mapping = self.mapping.model_dump(exclude_none=True, exclude_defaults=True)
        try:
            read = ColumnMapping.model_validate(mapping)
        except ValueError as error:
            found = problems_from_validation(error.errors(include_url=False))  # type: ignore[attr-defined]
            problems = [type(one)(f"/mapping{one.pointer}", one.code, one.message) for one in found]
            raise InvalidRequest("The mapping cannot be used.", problems=problems) from None
        return ImportRequest.model_validate({**stated, "file": "upload", "mapping": read})


class ApproveTrainingSheet(_Asked):
    """The approval of a training sheet."""

    digest: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="Version that the request is based on: its SHA-256 (hex).",
        examples=["0f" * 32],
    )


class ImportProblem(Answer):
    """A problem of the file, and the rows that have it."""

    severity: str = Field(description="error or warning.", examples=["error"])
    where: str = Field(description="File, rows and column.", examples=["answers.csv, line 3, reply"])
    column: str = Field(description="The column; empty for the whole row.", examples=["reply"])
    code: str = Field(description="Stable code.", examples=["missing_content"])
    message: str = Field(description="What is wrong. Never the text of a pair.", examples=["is empty"])
    count: int = Field(description="How many rows have it.", examples=[1])
    rows: list[int] = Field(description="First of these rows.", examples=[[3]])


class ImportQuestion(Answer):
    """Information that is missing before a training sheet can be made."""

    pointer: str = Field(description="JSON pointer to the field.", examples=["/status"])
    code: str = Field(description="Stable code.", examples=["not_stated"])
    message: str = Field(description="What is missing or wrong.", examples=["is not stated"])


class ImportColumn(Answer):
    """A column of the file."""

    name: str = Field(description="Its name.", examples=["ok_for_training"])
    values: list[str] = Field(description="Its values, if they are few and short.", examples=[["yes", "no"]])
    has_more_values: bool = Field(
        description="Whether values were left out because they are many or long.", examples=[False]
    )


class ImportRow(Answer):
    """One of the first rows."""

    row: int = Field(description="Its line or row in the file.", examples=[2])
    cells: dict[str, str] = Field(
        description="Beginning of the text in each column.", examples=[{"question": "Who?", "reply": "Ada."}]
    )


class ImportChange(Answer):
    """A pair that would change."""

    pair_id: str = Field(
        description="Id in the new sheet, or in the old one if only that has it.", examples=["qa-0003"]
    )
    was: str | None = Field(description="Id in the old sheet, if it is different.", examples=["qa-0003"])
    changes: list[str] = Field(description="What would change.", examples=[["edited", "status"]])


class ImportChanges(Answer):
    """What replacing a training sheet would change."""

    counts: dict[str, int] = Field(
        description="Number of pairs by kind of change.", examples=[{"added": 3, "edited": 1}]
    )
    total: int = Field(description="Pairs that would change.", examples=[4])
    pairs: list[ImportChange] = Field(description="The first of these pairs by id, at most 100.")


class ImportOrigin(Answer):
    """Where in a bucket an upload was fetched from."""

    url: str = Field(description="The file or table.", examples=["s3://acme-exports/reviewed/answers.csv"])
    kind: str = Field(description="file, delta or iceberg.", examples=["file"])
    version: str = Field(
        description="Version or snapshot of a table; version or ETag of a file.", examples=["d41d8cd98f00b204e9800998"]
    )
    etag: str = Field(description="ETag of a file, where the bucket says it.", examples=["d41d8cd98f00b204e9800998"])
    bytes: int = Field(description="Number of bytes that were fetched.", examples=[20480])
    fetched_at: str = Field(description="When they were reviewed.", examples=["2026-11-28T09:30:00+00:00"])


class ImportDryRun(Answer):
    """A preview of an import. No training sheet was made."""

    dry_run: bool = Field(True, description="Always true.", examples=[True])
    upload_id: str = Field(description="Id of the upload, for an hour.", examples=["up-" + "0f" * 16])
    file: str = Field(description="Name of the file.", examples=["answers.csv"])
    origin: ImportOrigin | None = Field(description="Where it was fetched from; null for what was sent.")
    kind: str = Field(description="What the file is.", examples=["CSV"])
    kind_because: str = Field(description="How the type was recognised.", examples=["the first line has ','"])
    format: str = Field(description="Format of its rows.", examples=["columns"])
    format_title: str = Field(description="Description of the format.", examples=["a table of questions and answers"])
    format_because: str = Field(
        description="How the format was recognised.", examples=["it is none of the other formats"]
    )
    unit: str = Field(description="Unit in which rows are counted: line, row or value.", examples=["line"])
    rows: int = Field(description="Rows that were read.", examples=[120])
    pairs: int = Field(description="Pairs that the rows contain.", examples=[120])
    sound: int = Field(description="Pairs without errors in form.", examples=[119])
    is_ready: bool = Field(description="Whether a training sheet can be made of it as it is.", examples=[False])
    columns: list[ImportColumn] = Field(description="The columns of the file.")
    used: dict[str, list[str]] = Field(
        description="Mapping from columns of the training sheet to columns of the file.",
        examples=[{"answer": ["reply"]}],
    )
    unused: dict[str, int] = Field(
        description="Columns that are not used, with the number of rows that have a value.", examples=[{"notes": 120}]
    )
    left_out: dict[str, int] = Field(description="Excluded rows and texts, by reason.", examples=[{}])
    unmapped: dict[str, dict[str, int]] = Field(
        description="Words without a meaning, by column of the training sheet.",
        examples=[{"allowed_uses": {"'yes'": 80}}],
    )
    first_rows: list[ImportRow] = Field(description="The first rows.")
    problems: list[ImportProblem] = Field(description="Problems in the rows, at most 200 kinds.")
    open_questions: list[ImportQuestion] = Field(description="What must still be specified.")
    worksheets: list[str] = Field(description="The sheets of a workbook.", examples=[["Answers", "Notes"]])
    replaces: bool = Field(description="Whether a training sheet with this id already exists.", examples=[False])
    changes: ImportChanges | None = Field(
        description="With `replace`: what would change in that sheet; null if it cannot be compared."
    )
    gates: ExportSummary | None = Field(
        description=(
            "Verdicts of the gates on the pairs as they would be imported now; null if the file cannot be read."
        )
    )

    @classmethod
    def of(cls, upload: Upload, found: UploadPreview) -> Self:
        """What was found in an upload."""
        fields = found.model_dump(mode="json", exclude={"gates"})
        gates = None if found.gates is None else ExportSummary.of(found.gates)
        origin = None if upload.origin is None else upload.origin.model_dump()
        about = {"upload_id": upload.id, "file": upload.file.name, "origin": origin}
        return cls.model_validate({**about, **fields, "gates": gates})
