"""The Chromium that browser tests run in, and how it is started: without a screen, and asking nobody for anything."""

from __future__ import annotations

import shutil
from typing import Final

#: Where it is; null where there is none, and tests that need it are skipped.
CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
