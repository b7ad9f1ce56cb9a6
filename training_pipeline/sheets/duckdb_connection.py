"""DuckDB in this process, with as many threads as its memory is enough for."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import ibis

#: Bytes of memory that each thread needs: with less, large sheets end in errors that memory ran out.
THREAD_BYTES: Final = 256 * 10**6
_SIZE: Final = re.compile(r"\s*([0-9.]+)\s*([kmgt]?)(i?)b\s*", re.IGNORECASE)


def connect(memory_limit: str, threads: int | None, temp_directory: Path | None, **settings: Any) -> ibis.BaseBackend:
    """A new database in memory, for judging the pairs of a sheet. `threads` as in `threads_for`."""
    config: dict[str, Any] = {"memory_limit": memory_limit, "preserve_insertion_order": False, **settings}
    if (most := threads or threads_for(memory_limit)) is not None:
        config["threads"] = most
    if temp_directory is not None:
        config["temp_directory"] = str(temp_directory)
    return ibis.duckdb.connect(**config)


def threads_for(memory_limit: str, cores: int | None = None) -> int | None:
    """How many threads a limit such as `1GB` is enough for; null where it is enough for all `cores`, or says no size.

    Without `cores`, those of this machine.
    """
    found = _SIZE.fullmatch(memory_limit)
    if found is None:
        return None
    try:
        number = float(found[1])
    except ValueError:
        return None
    bytes_ = number * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " ")
    enough = max(int(bytes_ // THREAD_BYTES), 1)
    return enough if enough < (cores or os.cpu_count() or 1) else None
