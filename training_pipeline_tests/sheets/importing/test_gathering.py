from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.sheets.importing.duplicates import Seen
from training_pipeline.sheets.importing.formats.registry import FORMATS
from training_pipeline.sheets.importing.gathering import gathered, shared_tasks

PRODIGY = FORMATS["prodigy"]
TASKS = st.lists(st.none() | st.integers(0, 4), max_size=12)


def rows_of(tasks: list[int | None]) -> list[dict[str, Any]]:
    return [{"_task_hash": task, "place": place} for place, task in enumerate(tasks)]


@given(tasks=TASKS)
def test_a_task_is_whole_and_comes_at_its_last_row(tasks: list[int | None]) -> None:
    rows = rows_of(tasks)
    found = list(gathered(PRODIGY, enumerate(rows), shared_tasks(PRODIGY, rows)))
    assert sorted(place for group in found for place, _ in group) == list(range(len(rows)))
    assert [group[-1][0] for group in found] == sorted(group[-1][0] for group in found)
    named = [{row["_task_hash"] for _, row in group} for group in found]
    assert all(len(names) == 1 for names in named)
    assert Counter(name for names in named for name in names if name is not None) == Counter(set(tasks) - {None})


@given(before=TASKS, after=TASKS)
def test_nothing_is_lost_where_the_file_changes_meanwhile(before: list[int | None], after: list[int | None]) -> None:
    found = gathered(PRODIGY, enumerate(rows_of(after)), shared_tasks(PRODIGY, rows_of(before)))
    assert sorted(place for group in found for place, _ in group) == list(range(len(after)))


def test_of_other_formats_each_row_stands_alone() -> None:
    rows = rows_of([1, 1])
    assert not shared_tasks(FORMATS["columns"], rows)
    assert len(list(gathered(FORMATS["columns"], enumerate(rows), Counter()))) == 2


@given(texts=st.lists(st.text(max_size=2)))
def test_what_was_seen_before(texts: list[str]) -> None:
    seen = Seen()
    assert [seen.holds(text) for text in texts] == [text in texts[:place] for place, text in enumerate(texts)]
