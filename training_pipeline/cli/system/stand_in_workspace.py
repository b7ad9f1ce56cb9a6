"""A simulated Databricks workspace on this machine, for `demo --backend databricks`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import Unavailable
from training_pipeline.settings import Settings

MODULE: Final = "training_pipeline.testing.databricks_workspace"
VOLUME: Final = "demo.training_pipeline.training"
START_SECONDS: Final = 60.0


@contextmanager
def stand_in_workspace(settings: Settings) -> Iterator[Settings]:
    """Serve a workspace while the block lasts, and yield the settings of an installation of its own that trains there.

    No real workspace is touched: whatever the environment says of Databricks is replaced in this process. Raises
    `Unavailable` if it does not start.
    """
    state_dir = settings.state_dir / "databricks-demo"
    root = state_dir / "workspace"
    root.mkdir(parents=True, exist_ok=True)
    address, log = root / "workspace.json", root / "log"
    address.unlink(missing_ok=True)
    command = [sys.executable, "-m", MODULE, "--root", str(root), "--volume", VOLUME]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _await(process, address, log)
        told = json.loads(address.read_text())
        for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
            del os.environ[name]
        os.environ |= {"DATABRICKS_HOST": told["host"], "DATABRICKS_TOKEN": told["token"]}
        yield settings.model_copy(
            update={"state_dir": state_dir, "database_url": None, "backend": "databricks", "databricks_volume": VOLUME}
        )
    finally:
        process.terminate()
        process.wait()


def _await(process: subprocess.Popen[bytes], address: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not address.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(
                f"The simulated workspace did not start. See {log}.",
                hint="It needs the development packages: pip install -e '.[local,dev]'.",
            )
        time.sleep(0.05)
