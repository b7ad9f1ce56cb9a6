from __future__ import annotations

import re
from pathlib import Path

from training_pipeline.domain.advice.rules import RULES, SOURCES, VERSION, fingerprint, number

DOCS = Path(__file__).parents[3] / "docs" / "advice.md"


def test_a_changed_number_is_a_new_version() -> None:
    """Change both together, and say in docs/advice.md what changed."""
    assert (VERSION, fingerprint()) == ("2026-11-29", "ae36ce8c48745962")


def test_every_rule_has_a_source() -> None:
    assert {rule.source for rule in RULES.values()} == set(SOURCES)
    assert number("few_pairs", "pairs") == 50


def test_the_page_lists_every_rule_with_its_numbers_source_and_confidence() -> None:
    page = DOCS.read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `(\w+)` \|.*$", page, re.MULTILINE)}
    assert set(rows) == set(RULES)
    for name, rule in RULES.items():
        row = rows[name]
        assert f"| {rule.confidence} |" in row, name
        assert SOURCES[rule.source].title in row, name
        for value in rule.numbers.values():
            assert re.search(rf"(?<![\d.]){re.escape(f'{value:g}')}(?![\d.]*\d)", row), f"{name}: {value:g}"
    for source in SOURCES.values():
        assert source.url in page
    assert f"Version {VERSION}" in page
