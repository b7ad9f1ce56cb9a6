"""The files that browsers are given as they are, and where the pages live."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BASE: Final = "/train"
LOGIN: Final = f"{BASE}/login"
STATIC: Final = Path(__file__).parent / "static"
