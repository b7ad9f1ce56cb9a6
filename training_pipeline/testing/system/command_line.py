"""The command `training-pipeline`, called in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: Exit code, output and errors of `training-pipeline ARGUMENTS`.
Command: TypeAlias = Callable[..., tuple[int, str, str]]
