from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import psutil
import pytest

from training_pipeline.infra.run_processes import RunContext
from training_pipeline.testing.polling import until


@pytest.mark.slow
def test_what_is_forked_is_alive_until_it_ends_though_the_process_that_it_was_forked_off_is_gone() -> None:
    multiprocessing.set_forkserver_preload([])
    lasting, ending, over = (RunContext().Process(target=work, daemon=True) for work in (_wait, _wait, int))
    for process in (lasting, ending, over):
        process.start()
    over.join(60)
    assert (over.is_alive(), over.exitcode) == (False, 0)
    parent = psutil.Process(psutil.Process(lasting.pid).ppid())
    assert parent == psutil.Process(psutil.Process(ending.pid).ppid())
    parent.kill()
    until(lambda: not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE)
    assert (lasting.is_alive(), ending.is_alive(), lasting.exitcode) == (True, True, None)
    for process in (ending, lasting):
        os.kill(process.pid or 0, signal.SIGKILL)
        until(lambda process=process: not process.is_alive())  # type: ignore[misc]
        assert process.exitcode == 255


def _wait() -> None:
    threading.Event().wait()
