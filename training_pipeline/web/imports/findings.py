"""What was found in an upload: what it was taken for, its first rows, its problems, and what the gates say."""

from __future__ import annotations

from training_pipeline.schemas.sheet_import import ImportDryRun, ImportProblem
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, icon, small_table
from training_pipeline.web.imports.draft import TARGETS
from training_pipeline.web.sheets.export_summary import show_summary

_TITLES = ("Where", "Problem", "Rows")
#: What a field of the request is called on the page.
_FIELDS = {
    "status": "status",
    "allow": "allowed_uses",
    "prohibit": "prohibited_uses",
    "classification": "data_classification",
}
#: Problems of which a choice of the page says what to do.
_WORDS = {"several_worksheets": "has several worksheets: choose one above"}
_OTHERS = {
    "source": "Source of the items",
    "template": "Prompt template",
    "id": "Id",
    "mapping/ignore": "Ignored columns",
}


def show_recognised(found: ImportDryRun) -> None:
    """Say what the file was taken for, and why."""
    with Tag("p", classes="prose"):
        Tag("strong", found.file)
        Tag("span", f": {found.kind} ({found.kind_because}), read as {found.format_title} ({found.format_because}).")
    if found.origin is not None:
        version = f", version {found.origin.version}" if found.origin.version else ""
        Tag("p", f"Fetched from {found.origin.url}{version}.", classes="muted")
    counts = f"{found.rows:,} {found.unit}s give {found.pairs:,} pairs, {found.sound:,} of them sound in form."
    Tag("p", counts, classes="muted")
    for what, count in found.left_out.items():
        Tag("p", f"Excluded: {count:,} {what}.", classes="muted")


def show_first_rows(found: ImportDryRun) -> None:
    """A table of the first rows. Texts are shown as text."""
    names = [column.name for column in found.columns if any(column.name in row.cells for row in found.first_rows)]
    names = names or list(found.first_rows[0].cells if found.first_rows else ())
    if not names:
        Tag("p", "The file has no rows.", classes="muted")
        return
    with small_table("First rows", (found.unit.capitalize(), *names[:30]), classes="first-rows"):
        for row in found.first_rows:
            with Tag("tr"):
                Tag("td", formats.count(row.row), classes="number")
                for name in names[:30]:
                    Tag("td", row.cells.get(name, ""))


def show_problems(problems: list[ImportProblem]) -> None:
    """Every problem at its rows."""
    if not problems:
        Tag("p", "No problems in the rows.", classes="muted")
        return
    with small_table("Problems", _TITLES, numbers={"Rows"}):
        for one in problems:
            with Tag("tr"):
                Tag("td", one.where)
                with Tag("td"):
                    icon("alert" if one.severity == "error" else "info")
                    Tag("span", f" {_WORDS.get(one.code, one.message)}")
                Tag("td", formats.count(one.count), classes="number")


def show_gates(found: ImportDryRun) -> None:
    """What the gates say of the pairs as they would be now, and what must still be said."""
    if found.gates is None:
        Tag("p", "There are no pairs to judge yet.", classes="muted")
    else:
        show_summary(found.gates)
    if found.open_questions:
        Tag("h3", "Still to be specified", classes="after")
        with Tag("ul", classes="warnings"):
            for question in found.open_questions:
                with Tag("li"):
                    icon("alert")
                    Tag("span", _question(question.pointer, question.code, question.message))
    elif not found.is_ready:
        with Tag("p", classes="bad-text"):
            icon("alert")
            Tag("span", "No row is valid: see the problems, correct the file and drop it again.")


def _question(pointer: str, code: str, message: str) -> str:
    place = pointer.strip("/")
    target = _FIELDS.get(place) or place.removeprefix("mapping/columns/")
    title = TARGETS[target][0] if target in TARGETS else _OTHERS.get(place, place)
    if code == "not_stated":
        return (
            f"{title}: choose a column, or the same for every pair." if target in TARGETS else f"{title}: is missing."
        )
    return f"{title}: {message}"
