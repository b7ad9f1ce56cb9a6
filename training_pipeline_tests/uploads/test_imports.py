from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.access import Caller, Role, local_caller
from training_pipeline.domain.errors import Conflict, Forbidden, InvalidRequest, NotFound
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import Reference, SheetStatus
from training_pipeline.domain.usage import DataClassification
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.importing.mapping import ColumnMapping
from training_pipeline.sheets.importing.request import ImportRequest
from training_pipeline.uploads.imports import SheetImports
from training_pipeline.uploads.limits import UploadLimits
from training_pipeline.uploads.staging import Upload, Uploads

HEAD = "question,reply,ok_for_training,approved_by,notes\n"
ROWS = [f"Which desk takes case {n}?,desk {n % 3},{'yes' if n % 4 else 'no'},grace,n{n}\n" for n in range(12)]
ADA = Caller("ada", Role.OPERATOR)
MAPPING = {
    "columns": {"answer": "reply", "allowed_uses": "ok_for_training", "reviewed_by": "approved_by"},
    "values": {"allowed_uses": {"yes": "training, validation", "no": ""}},
}


def asked(**values: object) -> ImportRequest:
    return ImportRequest.model_validate(
        {
            "file": Path("upload"),
            "id": "desks",
            "mapping": ColumnMapping.model_validate(MAPPING),
            "status": "labeled",
            "prohibit": ("none",),
            "classification": DataClassification.INTERNAL,
            "source": Reference(id="cases"),
            "template": Reference(id="desk"),
            **values,
        }
    )


@pytest.fixture
def imports(tmp_path: Path) -> SheetImports:
    uploads = Uploads(tmp_path / "uploads", UploadLimits())
    return SheetImports(uploads, tmp_path / "sheets", GatePolicy(), plans=tmp_path / "plans")


def uploaded(imports: SheetImports, text: str, name: str = "desks.csv") -> Upload:
    with imports.uploads.receive("ada", name) as receiving:
        receiving.write(text.encode())
    return receiving.upload


def kept_plans(folder: Path) -> dict[str, int]:
    """When each was written."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "plans").glob("*")}


def test_from_a_look_to_a_sheet_that_a_steward_approves(imports: SheetImports, tmp_path: Path) -> None:
    bad = HEAD + "".join(ROWS) + "Who?,,maybe,grace,n\n"
    upload = uploaded(imports, bad)
    first = imports.look(upload, ImportRequest(file=Path("x"), id="desks"))
    assert (first.kind, first.format, first.rows, first.is_ready) == ("CSV", "columns", 13, False)
    assert {column.name: column.values for column in first.columns}["ok_for_training"] == ("no", "yes", "maybe")
    assert [row.row for row in first.first_rows] == [2, 3, 4, 5, 6]
    assert {"/status", "/allow", "/mapping/columns/answer"} <= {one.pointer for one in first.open_questions}
    assert first.gates is None or first.gates.eligible == 0

    second = imports.look(upload, asked())
    assert not second.is_ready
    assert second.unmapped == {"allowed_uses": {"'maybe'": 1}}
    assert second.gates is not None
    assert (second.gates.total, second.gates.eligible, second.gates.excluded[Reason.INVALID]) == (13, 9, 1)
    assert [(one.rows, one.column) for one in second.problems if one.severity == "error"] == [((14,), "reply")]
    assert list(upload.folder.glob(".looked-at")) == []
    compiled = kept_plans(tmp_path)
    assert compiled

    mended = uploaded(imports, HEAD + "".join(ROWS))
    assert imports.look(mended, asked()).is_ready
    assert kept_plans(tmp_path) == compiled  # nothing was compiled anew
    imports.create(mended, asked(), ADA, replace=False)
    assert not mended.folder.exists()
    sheets = FileTrainingSheets([tmp_path / "sheets"])
    made = sheets.get("desks")
    assert (made.status, made.metadata["imported_by"]) == (SheetStatus.REVIEW, "ada")
    with sheets.open("desks") as opened:
        digest = opened.digest
    with pytest.raises(Conflict, match="has changed since you opened it"):
        imports.approve("desks", digest="0" * 64, caller=ADA)
    imports.approve("desks", digest=digest, caller=Caller("sam", Role.STEWARD))
    approved = sheets.get("desks")
    assert (approved.status, approved.metadata["approved_by"]) == (SheetStatus.APPROVED, "sam")
    imports.approve("desks", digest="0" * 64, caller=ADA)  # it is approved already
    with pytest.raises(NotFound):
        imports.approve("nobody", digest=digest, caller=ADA)

    again = uploaded(imports, HEAD + "".join(ROWS))
    with pytest.raises(Forbidden, match="replace"):
        imports.create(again, asked(), ADA, replace=True)
    with pytest.raises(Conflict, match="There is a training sheet 'desks' already") as refused:
        imports.create(again, asked(), ADA, replace=False)
    assert str(tmp_path) not in str(refused.value)
    with pytest.raises(Forbidden, match="Only a steward"):
        imports.create(again, asked(id="other", sheet_status="approved"), ADA, replace=False)
    imports.create(again, asked(sheet_status="approved"), local_caller("local"), replace=True)
    assert sheets.get("desks").metadata["approved_by"] == "local"


def test_what_cannot_be_read_is_refused_in_fields(imports: SheetImports) -> None:
    with pytest.raises(InvalidRequest) as unknown:
        imports.look(uploaded(imports, "%PDF-1.7", "a.pdf"), asked())
    assert "/file" in {one.pointer for one in unknown.value.problems}
    with pytest.raises(InvalidRequest) as open_questions:
        imports.create(uploaded(imports, HEAD + ROWS[1]), asked(status=None), ADA, replace=False)
    assert [one.pointer for one in open_questions.value.problems] == ["/status"]
    assert "--" not in str(open_questions.value)


def test_sheets_in_tables_are_not_imported(tmp_path: Path) -> None:
    imports = SheetImports(Uploads(tmp_path, UploadLimits()), None, GatePolicy())
    with pytest.raises(Conflict, match="Unity Catalog"):
        imports.look(uploaded(imports, HEAD), asked())
