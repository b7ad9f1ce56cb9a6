"""What may be trained on and why the rest may not, and exactly what would be."""

from __future__ import annotations

import json
from typing import Any

from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.training_sheet import ExportSummary, TrainingSheetPreview, Warned
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, icon, small_table


def show_summary(summary: ExportSummary) -> None:
    """The counts, and each reason with the stewards' own words."""
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
        f"{summary.total:,} pairs = {summary.eligible:,} that would be used"
        f" + {summary.total - summary.eligible:,} left out",
        classes="muted",
    )
    if summary.reasons:
        titles = ("Left out because", "The stewards' reason", "Pairs")
        with small_table("Reasons", titles, numbers={"Pairs"}):
            for row in summary.reasons:
                with Tag("tr"):
                    Tag("td", MEANINGS[Reason(row.reason)])
                    Tag("td", row.usage_reason or formats.NONE)
                    Tag("td", formats.count(row.count), classes="number")
    show_warnings(summary.warnings)


def show_warnings(warnings: list[Warned]) -> None:
    """What a person should know."""
    if warnings:
        with Tag("ul", classes="warnings"):
            for warning in warnings:
                with Tag("li"):
                    icon("info")
                    Tag("span", warning.message)


def show_preview(preview: TrainingSheetPreview) -> None:
    """The first lines as conversations, and as the JSONL that they are."""
    if not preview.lines:
        Tag("p", "Nothing of this sheet would be trained on.", classes="muted")
        return
    for number, line in enumerate(preview.lines, start=1):
        with Tag("div", classes="example"):
            for message in json.loads(line)["messages"]:
                _message(message)
            with Tag("details"):
                Tag("summary", f"Line {number} as it is")
                Tag("pre", line, classes="json")


def _message(message: dict[str, Any]) -> None:
    with Tag("div", classes=f"says says-{message['role']}"):
        Tag("span", message["role"], classes="says-who")
        Tag("span", message.get("content") or "(a tool is called)", classes="says-what")
