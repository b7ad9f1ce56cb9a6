"""Halves and slices of suites, and what suites may be called."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from training_pipeline.models.evaluation.subsets import NAME, Half, Slice, half_of


def test_an_item_is_in_one_half_for_ever_and_about_as_many_in_each() -> None:
    assert [half_of("sheet", f"p-{number}") for number in range(4)] == [half_of("sheet", f"p-{n}") for n in range(4)]
    assert half_of("held-out", "p-0001") is Half.HELD_BACK
    held = sum(half_of("sheet", f"p-{number}") is Half.HELD_BACK for number in range(1000))
    assert 400 < held < 600


def test_a_slice_says_what_it_is() -> None:
    assert str(Slice(by="classification", value="internal")) == "classification=internal"


@pytest.mark.parametrize(("name", "fits"), [("triage-2026", True), ("0", True), ("-a", False), ("A", False)])
def test_names(name: str, fits: bool) -> None:
    assert bool(re.search(NAME, name)) is fits


def test_no_engine_is_needed_to_name_them() -> None:
    code = (
        "import sys, training_pipeline.models.evaluation.subsets;"
        " sys.exit(bool({'pyarrow', 'ibis', 'duckdb', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
