"""The export summary of a training sheet, its warnings, and a preview of the training data."""

from __future__ import annotations

import json

from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.training_sheet import ExportSummary, TrainingSheetPreview, Warned
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, icon, small_table
from training_pipeline.web.sheets.conversation import message_of, show_messages


def show_summary(summary: ExportSummary) -> None:
    """Show the counts, and each reason for exclusion with the stewards' usage reason."""
    with Tag("p", classes="summary-line"):
        for place, (name, count) in enumerate(
            (
                ("Approved", summary.labeled),
                ("Training allowed", summary.training_allowed),
                ("Training prohibited", summary.training_prohibited),
            )
        ):
            if place:
                Tag("span", " | ", classes="muted")
            Tag("span", f"{name}: ")
            Tag("strong", formats.count(count))
    Tag(
        "p",
        f"{summary.total:,} pairs = {summary.eligible:,} eligible + {summary.total - summary.eligible:,} excluded",
        classes="muted",
    )
    if summary.reasons:
        titles = ("Excluded because", "Usage reason", "Pairs")
        with small_table("Reasons", titles, numbers={"Pairs"}):
            for row in summary.reasons:
                with Tag("tr"):
                    Tag("td", MEANINGS[Reason(row.reason)])
                    Tag("td", row.usage_reason or formats.NONE)
                    Tag("td", formats.count(row.count), classes="number")
    show_warnings(summary.warnings)


def show_warnings(warnings: list[Warned]) -> None:
    """Show the warnings as a list; nothing if there are none."""
    if warnings:
        with Tag("ul", classes="warnings"):
            for warning in warnings:
                with Tag("li"):
                    icon("info")
                    Tag("span", warning.message)


def show_preview(preview: TrainingSheetPreview) -> None:
    """Show the first lines as conversations and as JSONL."""
    if not preview.lines:
        Tag("p", "No pair of this sheet may be trained on.", classes="muted")
        return
    for number, line in enumerate(preview.lines, start=1):
        show_messages([message_of(message) for message in json.loads(line)["messages"]])
        with Tag("details"):
            Tag("summary", f"Line {number} as JSON")
            Tag("pre", line, classes="json")
