"""The annotations of one task, which may stand anywhere in a file, brought together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from training_pipeline.sheets.importing.duplicates import hash_of
from training_pipeline.sheets.importing.formats.base import Format, Gathering

#: The line of a row, and its values.
Numbered = tuple[int, Mapping[str, Any]]


def shared_tasks(form: Format, rows: Iterable[Mapping[str, Any]]) -> Counter[bytes]:
    """How many rows annotate each task of which there are several. Keeps a hash of each task."""
    counts: Counter[bytes] = Counter()
    if isinstance(form, Gathering):
        counts.update(hash_of(task) for row in rows if (task := form.task_of(row)) is not None)
    return Counter({task: count for task, count in counts.items() if count > 1})


def gathered(form: Format, rows: Iterable[Numbered], shared: Counter[bytes]) -> Iterator[list[Numbered]]:
    """The rows, those of one task together at the last of them. Keeps the rows of tasks that are not whole yet."""
    left, waiting = Counter(shared), dict[bytes, list[Numbered]]()
    for line, row in rows:
        task = form.task_of(row) if shared and isinstance(form, Gathering) else None
        key = None if task is None else hash_of(task)
        if key is None or key not in left:
            yield [(line, row)]
            continue
        waiting.setdefault(key, []).append((line, row))
        left[key] -= 1
        if left[key] == 0:
            yield waiting.pop(key)
    yield from waiting.values()  # the file was changed since its tasks were counted
