from __future__ import annotations

import re
from pathlib import Path

from training_pipeline.domain.advice.widths import WIDTHS, width_of

DOCS = Path(__file__).parents[3] / "docs" / "advice.md"


def test_each_row_is_in_the_docs_with_its_source() -> None:
    rows = re.findall(
        r"^\| `([\w./-]+)` \| ([\d,]+) \| \[.+\]\((https://github\.com/\S+)\) \|$", DOCS.read_text(), re.M
    )
    assert {name: int(width.replace(",", "")) for name, width, _ in rows} == dict(WIDTHS)


def test_case_does_not_matter() -> None:
    assert width_of("QWEN/qwen3-4b") == 2560
    assert width_of("Qwen/Qwen3-4B-of-ours") is None
