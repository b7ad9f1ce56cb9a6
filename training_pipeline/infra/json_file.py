"""JSON files that are replaced whole: a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from training_pipeline.infra.files import NotAFile, read_at_most, replace_file

#: Bytes of the largest file that is read: none of ours, nor one of a model's, comes near.
LARGEST: Final = 64 << 20


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
        value = read_json_value(path)
    except FileNotFoundError:
        return None
    if not isinstance(value, dict):
        raise BrokenFile(f"{path} holds no JSON object")
    return value


def read_json_value(path: Path) -> object:
    """What `path` says in JSON; raises `OSError`, and `BrokenFile` for whatever else stands there. Never waits."""
    try:
        content = read_at_most(path, LARGEST + 1)
    except NotAFile as error:
        raise BrokenFile(f"{path} {error}") from error
    if len(content) > LARGEST:
        raise BrokenFile(f"{path} is larger than {LARGEST >> 20} MiB")
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise BrokenFile(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise BrokenFile(f"{path} is not JSON: {error}") from error
