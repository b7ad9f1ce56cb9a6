"""What keeps a machine busy, for scripts that try things on one that is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BUSY: Final = "while True: pass"
#: How often `topped_up` looks, and how much of what it thinks of the others is what it saw last.
LOOKS_SECONDS: Final = 1.0
LAST_SEEN: Final = 0.05


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    busy = [compute() for _ in range(processes)]
    try:
        yield
    finally:
        end(busy)


@contextmanager
def topped_up(level: int) -> Iterator[None]:
    """Processes that do nothing but compute: as many as others leave short of this load average, as it changes."""
    over = threading.Event()
    keeper = threading.Thread(target=keep_at, args=(level, over))
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def keep_at(level: int, over: threading.Event) -> None:
    """Until it is over, have so many processes want a processor, with those of others."""
    busy: list[subprocess.Popen[bytes]] = []
    others = float(running())
    try:
        while not over.wait(LOOKS_SECONDS):
            others += LAST_SEEN * (running() - len(busy) - others)
            missing = max(0, level - round(others)) - len(busy)
            busy += [compute() for _ in range(missing)]
            if missing < 0:
                end(busy[missing:])
                del busy[missing:]
    finally:
        end(busy)


def running() -> int:
    """How many processes of the machine have a processor or wait for one, this one not counted."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1


def compute() -> subprocess.Popen[bytes]:
    """A process that does nothing but compute."""
    return subprocess.Popen([sys.executable, "-S", "-c", BUSY])


def end(busy: list[subprocess.Popen[bytes]]) -> None:
    """End them."""
    for process in busy:
        process.kill()
        process.wait()
