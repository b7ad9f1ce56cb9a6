"""An import for tests: rows of any format into a sheet, with everything stated that a file does not say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.importing.importer import Imported, import_sheet
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.request import ImportRequest

STATED: Final[dict[str, Any]] = {
    "sheet_status": SheetStatus.APPROVED,
    "allow": ("training", "validation"),
    "prohibit": ("none",),
    "classification": DataClassification.PUBLIC,
    "source": Reference(id="source"),
    "template": Reference(id="template"),
}


def request_for(file: Path, **given: Any) -> ImportRequest:
    """A request with everything stated but the status; `mapping` may be a dict."""
    mapping = given.pop("mapping", {})
    read = mapping if isinstance(mapping, ColumnMapping) else ColumnMapping.model_validate(mapping)
    return ImportRequest(file=file, mapping=read, **{"id": "s", **STATED, **given})


def import_rows(directory: Path, rows: Sequence[Any], *, into: Path | None = None, **given: Any) -> Imported:
    """Import rows as JSONL, into the directory `in` where no other is named."""
    file = directory / "rows.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return import_sheet(request_for(file, **given), into or directory / "in", overwrite=True)


def pairs_of(imported: Imported) -> list[dict[str, Any]]:
    """The pairs in the order of the file, messages without what they do not have."""
    sheets = FileTrainingSheets([imported.head_file.parent], threads=1)
    with sheets.open(imported.head_file.stem) as opened:
        found: list[dict[str, Any]] = opened.pairs.to_pyarrow().to_pylist()
    for pair in found:
        messages = pair["messages"]
        pair["messages"] = messages and [{k: v for k, v in m.items() if v is not None} for m in messages]
    return found


def turns(pair: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Role and content of each message."""
    return [(message.get("role"), message.get("content")) for message in pair["messages"]]
