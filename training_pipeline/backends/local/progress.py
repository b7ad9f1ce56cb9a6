"""The trainer's progress.jsonl, read while it is being written."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.metric_point import NOT_FINITE, MetricPoint

#: At most this much is read at once, about 250,000 points.
READ_BYTES: Final = 32 * 1024 * 1024

log = logging.getLogger(__name__)


def read_points(path: Path, offset: int) -> tuple[list[MetricPoint], int]:
    """The points in the whole lines from byte `offset` on, and the offset of the first byte not read. Reads.

    A line that is still being written is left for the next time. Where the file is shorter than `offset`, its end was
    lost (to a power failure) and it is read from the start again. A line torn by the death of its writer is passed
    over, and the log says so.
    """
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) < offset:
                log.warning("%s is shorter than %d bytes: reading it from the start again", path, offset)
                offset = 0
            file.seek(offset)
            chunk = file.read(READ_BYTES)
    except FileNotFoundError:
        return [], offset
    whole = chunk[: chunk.rfind(b"\n") + 1]
    points = []
    at = offset
    for line in whole.splitlines(keepends=True):
        point = _point(line)
        if point is None:
            log.warning("%s: the line at byte %d is no metric point; it is passed over", path, at)
        else:
            points.append(point)
        at += len(line)
    return points, offset + len(whole)


def _point(line: bytes) -> MetricPoint | None:
    try:
        entry: dict[str, Any] = json.loads(line)
        value = entry["value"]
        name = str(entry["name"])
        if value is None or not math.isfinite(value):
            name, value = name + NOT_FINITE, 1.0
        return MetricPoint(
            name=name,
            step=entry["step"],
            value=value,
            epoch=entry.get("epoch"),
            tokens=entry.get("tokens"),
            time=entry["time"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):  # pydantic's ValidationError is a ValueError
        return None
