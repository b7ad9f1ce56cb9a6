"""A Python that has imported the whole product once, off which tests fork the servers and systems that they start.

Started on its own, each would take three to eight seconds of processor time, most of it for imports. `up` forks its
processes in the same way, so these are the same as those of users. Tests that do not use this module check that
everything also starts on its own: cli/system/test_supervise.py, cli/system/test_serve.py, and test_wheel.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from training_pipeline.cli.system.children import IMPORTED
from training_pipeline.infra.fork_server import Forked, ForkServer
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.testing.polling import until

#: `training-pipeline`, as a new Python runs it.
MAIN: Final = ("-c", "from training_pipeline.cli.app import main; main()")
#: The same where all is imported: the fork server of its `up` is forked off it, too.
_WARM_MAIN: Final = ("-c", "from training_pipeline.testing.system.warm_up import main; main()")


class WarmPython:
    """Begins to import at once. Only Linux forks without harm: elsewhere each start is a new Python."""

    def __init__(self, folder: Path | None) -> None:
        """`folder` is where its log goes, and what was compiled; null has each start be a new Python."""
        self._plans = None if folder is None else folder / "plans"
        if self._plans is not None:
            self._plans.mkdir()
        self._server = ForkServer([*IMPORTED, "training_pipeline.cli.app", "training_pipeline.testing.system.warm_up"])
        self._process: subprocess.Popen[bytes] | None = None
        if folder is not None and sys.platform == "linux":
            # Inherited, the name of a test makes NiceGUI believe that it is tested itself.
            environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
            self._process = self._server.launch(environment=environment, log=folder / "warm_python.log")

    def start(self, *arguments: str, environment: Mapping[str, str], log: Path) -> WarmProcess:
        """Start `python ARGUMENTS`, `-c CODE …` or `-m MODULE …`, with its output in a new `log`.

        Its installation has the SQL that others have compiled before, as one that ran yesterday.
        """
        if self._plans is not None and (state := environment.get(f"{PREFIX}STATE_DIR")) is not None:
            Path(state).mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                (Path(state) / "plans").symlink_to(self._plans)
        process = self._process
        if process is not None:
            until(lambda: self._server.is_ready() or process.poll() is not None, what="the imports")
        return WarmProcess(self._server.start([sys.executable, *arguments], environment=environment, log=log))

    def command_line(self, *arguments: str, environment: Mapping[str, str], log: Path) -> WarmProcess:
        """Start `training-pipeline ARGUMENTS`."""
        return self.start(*(_WARM_MAIN if self._process else MAIN), *arguments, environment=environment, log=log)

    def close(self) -> None:
        """End the process, and what is still running of what was forked off it."""
        self._server.close()
        if self._process is not None:
            self._process.wait(30)


class WarmProcess:
    """What tests ask of `subprocess.Popen`, of a process that was forked."""

    def __init__(self, process: Forked | subprocess.Popen[bytes]) -> None:
        self.pid: Final = process.pid
        self.poll: Final = process.poll

    def send_signal(self, sign: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 90) -> int:
        """Its exit code, once it has ended."""
        until(lambda: self.poll() is not None, seconds=timeout, what="its end")
        code = self.poll()
        assert code is not None
        return code


#: Where nothing is imported ahead.
COLD: Final = WarmPython(None)
