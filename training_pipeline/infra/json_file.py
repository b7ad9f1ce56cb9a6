"""JSON files that are replaced whole: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training_pipeline.infra.files import replace_file


class BrokenFile(ValueError):
    """A file that should hold a JSON object does not."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace `path`, readable by its owner only. On disk when this returns; raises `OSError` and changes nothing else.

    Several processes may write the same path: the last one wins, whole.
    """
    replace_file(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


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
