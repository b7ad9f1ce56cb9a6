"""A spreadsheet as somebody has it, for the pictures of the page of imports and of a review."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from training_pipeline.app.container import Services
from training_pipeline.domain.pair_edit import PairEdit
from training_pipeline.domain.usage import Status, Use

#: What the spreadsheet says, and the row of it whose answer is missing.
ANSWERS = (
    ("Which desk takes a letter about a late delivery?", "Logistics desk"),
    ("Which desk takes an invoice without an order number?", "Accounts payable"),
    ("Which desk takes the objection of a tenant?", "Legal desk"),
    ("Which desk takes a doctor's note?", "Personnel desk"),
    ("Which desk takes a reminder from a supplier?", "Accounts payable"),
    ("Which desk takes a report of a broken lift?", "Facilities desk"),
    ("Which desk takes a request for a certificate?", "Front desk"),
    ("Which desk takes a claim for water damage?", "Claims desk"),
    ("Which desk takes an application for parental leave?", "Personnel desk"),
    ("Which desk takes a change of bank details?", "Accounts payable"),
    ("Which desk takes a tender from a builder?", "Purchasing desk"),
    ("Which desk takes a complaint about noise?", "Facilities desk"),
)
MISSING = 7


def spreadsheet(directory: Path) -> Path:
    """A table as somebody has it: with words of its own, and one answer missing."""
    file = directory / "answers.csv"
    rows = [
        (
            question,
            "" if number == MISSING else desk,
            "no" if number % 5 == 3 else "yes",
            "grace" if number % 2 else "sam",
        )
        for number, (question, desk) in enumerate(ANSWERS)
    ]
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([("question", "reply", "ok_for_training", "approved_by"), *rows])
    return file


def reviewed(command: list[str], environment: dict[str, str], services: Services, file: Path) -> None:
    """A training sheet made of it, of which some pairs were reviewed."""
    stated = [
        "--answer-column",
        "reply",
        "--allowed-uses-column",
        "ok_for_training",
        "--reviewed-by-column",
        "approved_by",
    ]
    stated += ["--map-value", "allowed_uses:yes=training,validation", "--map-value", "allowed_uses:no="]
    stated += [
        "--status",
        "labeled",
        "--prohibit",
        "none",
        "--classification",
        "internal",
        "--sheet-status",
        "approved",
    ]
    stated += ["--source-name", "Incoming documents", "--template-name", "Which desk?", "--name", "Incoming documents"]
    run = [*command, "sheets", "import", str(file), "--id", "desks", *stated]
    subprocess.run(run, env=environment, check=True, capture_output=True)
    with services.source.open("desks") as opened:
        digest = opened.digest
    for numbers, edit in (
        ([MISSING + 1], PairEdit(answer="Claims desk")),
        ([4, 9], PairEdit(allowed_uses=(Use.TRAINING, Use.VALIDATION), usage_reason="agreed on with legal")),
        ([12], PairEdit(status=Status.FLAGGED)),
    ):
        ids = [f"desks-{number:06d}" for number in numbers]
        digest = services.sheet_edits.edit("desks", ids, edit, digest=digest, actor="grace").new_digest


def chosen(page: Page, file: Path) -> None:
    """Drop the file, and say which of its columns is what."""
    page.get_by_label("Drop a file here").set_input_files(file)
    for label, option in (
        ("Answer", "reply"),
        ("Review status", "every pair: labeled"),
        ("Allowed uses", "ok_for_training"),
        ("Prohibited uses", "every pair: none"),
        ("Classification", "every pair: internal"),
        ("Reviewed by", "approved_by"),
        ("yes", "training, validation"),
        ("no", "nothing: not stated, so not trained on"),
    ):
        page.get_by_label(label, exact=True).select_option(label=option)
    page.get_by_label("Source of the items").fill("Incoming documents")
    page.get_by_label("Prompt template").fill("Which desk?")
    expect(page.get_by_role("button", name="Create sheet")).to_be_enabled(timeout=60_000)
    page.evaluate("document.activeElement.blur(), window.scrollTo(0, 0)")


def selected(page: Page) -> None:
    """Select two pairs, and go where they are."""
    for number in (2, 3):
        page.get_by_label(f"Select desks-{number:06d}").check()
    expect(page.get_by_text("would be cut")).to_be_visible(timeout=60_000)  # until then it moves what stands below
    page.locator("#pairs-title").evaluate("one => window.scrollTo(0, one.getBoundingClientRect().top + scrollY - 80)")
