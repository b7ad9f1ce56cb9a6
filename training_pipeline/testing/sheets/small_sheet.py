"""A small training sheet in files, written by a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml


def rows(count: int, **values: Any) -> list[dict[str, Any]]:
    """So many unrelated pairs that pass both gates; `values` replace fields of each."""
    return [
        {
            "pair_id": f"p-{number:04d}",
            "messages": [
                {"role": "user", "content": f"Which queue takes invoice {number}?"},
                {"role": "assistant", "content": f"queue {number % 7}"},
            ],
            "item_ref": f"item-{number:04d}",
            "status": "labeled",
            "allowed_uses": ["training", "validation"],
            "prohibited_uses": [],
            "data_classification": "internal",
            "reviewed_by": "grace",
            "constraints_set_by": "sam",
            **values,
        }
        for number in range(count)
    ]


def write_sheet(directory: Path, sheet_id: str, pairs: list[dict[str, Any]], **head: Any) -> None:
    """Write the head and the pairs of a sheet, replacing it where it exists."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = {
        "name": f"Sheet {sheet_id}",
        "status": "approved",
        "source_sheet": {"id": "invoices", "name": "Invoices", "version": "v7"},
        "prompt_template": {"id": "triage", "name": "Triage", "version": "v2"},
        **head,
    }
    (directory / f"{sheet_id}.yaml").write_text(yaml.safe_dump(facts))
    (directory / f"{sheet_id}.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
