"""JSON files that are replaced whole: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class BrokenFile(ValueError):
    """A file that should hold a JSON object does not."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace `path`, readable by its owner only. On disk when this returns; raises `OSError` and changes nothing else.

    Several processes may write the same path: the last one wins, whole.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`, or None if there is no such file; raises `BrokenFile` if it is no JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BrokenFile(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BrokenFile(f"{path} holds no JSON object")
    return value
