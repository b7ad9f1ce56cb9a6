"""Write the bundled sample sheet `sheet-123`: triage of invoices and inspection reports. All of it is made up.

    python scripts/make_sample_sheet.py [DIRECTORY]

Run it again and the same bytes come out. The answers are short and decided by one phrase of the question, so that a
model of half a million parameters, trained from scratch, learns the task in under a minute.

440 pairs, each counted once:

    included                 310   280 labeled, 20 edited, 10 approved
                                   (8 of the 310 may be trained on but not validated with; 2 share an item with a
                                   held-out pair; 96 share a canonical label with another included pair)
    unlabeled                 24   6 of them pending
    rejected                  10
    flagged                    8
    training_not_allowed      34   30 held-out test set, 4 whose allowed uses were forgotten
    training_prohibited       40   contains PHI: 34 by the pair itself, 6 by the canonical label it was approved from
    identical_to_prohibited    3
    held_out_prompt            4
    duplicate                  7
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).resolve().parent.parent / "training_pipeline" / "sheets" / "samples"

HEAD = """\
# Made by scripts/make_sample_sheet.py; change it there.
name: Document triage
status: approved
description: Which queue takes an invoice, and what follows from an inspection report. Made up from end to end.
owner: document-operations
source_sheet:
  id: incoming-documents
  name: Incoming documents
  version: "7"
prompt_template:
  id: triage
  name: Triage questions
  version: "3"
tags: [FINANCE, MAINTENANCE]
"""

INVOICE_NOTES = {
    "accounts payable": (
        "it matches its purchase order",
        "goods and price were confirmed",
        "the delivery note agrees",
        "the amount was approved",
    ),
    "purchasing": (
        "no purchase order was found",
        "the order number is missing",
        "nobody ordered this",
        "the price is above the quote",
    ),
    "tax desk": (
        "the VAT number is invalid",
        "the tax rate looks wrong",
        "reverse charge is not mentioned",
        "VAT was charged twice",
    ),
    "duplicate check": (
        "the same invoice came last week",
        "it seems to be paid already",
        "the invoice number was used before",
        "it looks like a copy",
    ),
}
REPORT_NOTES = {
    "no action": (
        "no defects were found",
        "everything is in good order",
        "all values are within limits",
        "it runs as it should",
    ),
    "schedule repair": (
        "light rust on the frame",
        "the paint is peeling off",
        "a loose cover plate",
        "it is noisier than before",
    ),
    "replace part": (
        "the seal is worn out",
        "the filter is clogged",
        "the belt has frayed",
        "the bearing is beyond repair",
    ),
    "stop operation": (
        "a crack in the pressure line",
        "gas is leaking at the valve",
        "the emergency stop does not work",
        "sparks at the main switch",
    ),
}
INVOICE_QUESTIONS = (
    "Which queue takes the invoice from {who} over {amount} EUR? Note: {note}.",
    "Invoice from {who}, {amount} EUR: {note}. Who handles it?",
    "{who} bills {amount} EUR and {note}. Where does the invoice go?",
)
REPORT_QUESTIONS = (
    "Inspection of {what} {number} in {site}: {note}. What follows?",
    "What is to be done about {what} {number} in {site}? Finding: {note}.",
    "Report for {site}, {what} {number}: {note}. Next step?",
)
PATIENT = " Patient: {patient}, born {year}."

NAMES = (
    "Nordwind",
    "Talbach",
    "Kessler",
    "Amberg",
    "Lindqvist",
    "Morena",
    "Ostrava",
    "Pellar",
    "Quist",
    "Rhone",
)
VENDORS = [f"{name} {form}" for name in NAMES for form in ("GmbH", "Ltd", "AG", "Supplies")]
MACHINES = ("boiler", "pump", "compressor", "conveyor", "crane", "press", "mixer", "lift")
SITES = ("Kiel", "Graz", "Lyon", "Porto", "Turku", "Gdansk", "Bergen", "Leeds", "Ghent", "Malmo")
PATIENTS = ("M. Example", "J. Sample", "A. Placeholder", "R. Nobody", "T. Fiction")
REVIEWERS = ("dana.reyes", "imran.khan", "lea.schmid")
STEWARD = "compliance@example.org"

EVERYTHING = ["training", "validation", "evaluation", "few_shot", "testing"]
TEST_SET = ["evaluation", "testing"]


@dataclass(frozen=True, slots=True)
class Item:
    """A document that questions are asked about."""

    ref: str
    questions: tuple[str, ...]
    answer: str


@dataclass(slots=True)
class Documents:
    """An endless supply of documents, no two alike; the answers take turns."""

    random: random.Random
    count: int = 0
    seen: set[str] = field(default_factory=set)

    def next(self, suffix: str = "") -> Item:
        kinds = [(INVOICE_NOTES, INVOICE_QUESTIONS, "INV"), (REPORT_NOTES, REPORT_QUESTIONS, "REP")]
        notes, questions, kind = kinds[self.count % 2]
        answers = list(notes)
        answer = answers[self.count // 2 % len(answers)]
        note = notes[answer][self.count // 8 % 4]
        while True:
            values = {
                "who": self.random.choice(VENDORS),
                "amount": f"{self.random.randint(11, 989) * 10}",
                "what": self.random.choice(MACHINES),
                "number": str(self.random.randint(1, 60)),
                "site": self.random.choice(SITES),
                "note": note,
            }
            asked = tuple(question.format(**values) + suffix for question in questions)
            if asked[0] not in self.seen:
                break
        self.seen.add(asked[0])
        self.count += 1
        turned = self.count % len(asked)
        return Item(f"{kind}-{1000 + self.count}", asked[turned:] + asked[:turned], answer)


def pair(item: Item, question: int = 0, **fields: Any) -> dict[str, Any]:
    """A pair that passes both gates, unless `fields` say otherwise. A field that is null is left out."""
    messages = [
        {"role": "user", "content": item.questions[question]},
        {"role": "assistant", "content": item.answer},
    ]
    stated = {
        "messages": messages,
        "item_ref": item.ref,
        "status": "labeled",
        "allowed_uses": EVERYTHING,
        "prohibited_uses": [],
        "data_classification": "internal",
        **fields,
    }
    return {name: value for name, value in stated.items() if value is not None}


def pairs() -> Iterator[dict[str, Any]]:
    """All pairs, without ids and reviewers, group by group."""
    documents = Documents(random.Random(123))
    kept = [pair(documents.next()) for _ in range(184)]
    for _ in range(48):
        item = documents.next()
        label = f"label-{item.ref.lower()}"
        kept += [pair(item, question, canonical_label_id=label) for question in (0, 1)]
    for _ in range(10):
        item = documents.next()
        kept += [pair(item, question) for question in (0, 1)]
    for row in kept[5:300:15]:
        row["status"] = "edited"
    for row in kept[10:300:30]:
        row["status"] = "approved"
    yield from kept
    only_training: dict[str, Any] = {
        "prohibited_uses": ["validation"],
        "usage_reason": "customer consented to training only",
    }
    yield from (pair(documents.next(), **only_training) for _ in range(8))

    held_out = [documents.next() for _ in range(30)]
    test_set: dict[str, Any] = {"allowed_uses": TEST_SET, "usage_reason": "held-out test set"}
    yield from (pair(item, **test_set) for item in held_out)
    yield from (pair(item, question=1) for item in held_out[:2])
    for item in held_out[10:14]:
        again = Item(f"{item.ref}-copy", (f"  {item.questions[0].upper()} ",), item.answer)
        yield pair(again)

    patients = (PATIENT.format(patient=PATIENTS[number % 5], year=1931 + number) for number in range(40))
    private = [documents.next(patient) for patient in patients]
    prohibited: dict[str, Any] = {
        "allowed_uses": ["training", "validation", "few_shot"],
        "prohibited_uses": ["training", "validation"],
        "usage_reason": "contains PHI",
        "data_classification": "restricted",
    }
    yield from (pair(item, **prohibited) for item in private[:34])
    for item in private[34:]:
        yield pair(
            item,
            label_prohibited_uses=["training", "validation"],
            label_data_classification="restricted",
            canonical_label_id=f"label-{item.ref.lower()}",
            label_usage_reason="contains PHI",
        )
    yield from (pair(Item(f"{item.ref}-copy", item.questions, item.answer)) for item in private[:3])

    yield from (pair(documents.next(), allowed_uses=None, prohibited_uses=None) for _ in range(4))
    yield from (pair(documents.next(), status="unlabeled" if number < 18 else "pending") for number in range(24))
    yield from (pair(documents.next(), status="rejected") for _ in range(10))
    yield from (pair(documents.next(), status="flagged") for _ in range(8))
    yield from (dict(row) for row in kept[40:180:20])


def rows() -> list[dict[str, Any]]:
    """The sheet's rows in their order, with ids, reviewers and times."""
    shuffled = list(pairs())
    random.Random(321).shuffle(shuffled)
    numbered = []
    for number, row in enumerate(shuffled, 1):
        day, hour = 1 + number * 27 // len(shuffled), 8 + number % 9
        by = {}
        if row["status"] not in {"unlabeled", "pending"}:
            by = {"reviewed_by": REVIEWERS[number % 3], "reviewed_at": f"2026-09-{day:02d}T{hour:02d}:15:00Z"}
        if "allowed_uses" in row:
            by |= {"constraints_set_by": STEWARD, "constraints_set_at": "2026-09-29T09:00:00Z"}
        numbered.append({"pair_id": f"qa-{number:04d}", **row, **by})
    return numbered


def main(directory: Path) -> None:
    """Write `sheet-123.yaml` and `sheet-123.jsonl` into `directory`."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows())
    (directory / "sheet-123.yaml").write_text(HEAD, encoding="utf-8")
    (directory / "sheet-123.jsonl").write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
