from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from training_pipeline.cli.user import caller, user
from training_pipeline.domain.access import local_caller


def test_whoever_can_reach_the_database_is_an_admin_by_the_name_of_the_account() -> None:
    assert user() == pwd.getpwuid(os.getuid()).pw_name
    assert caller() == local_caller(user())


def test_nobody_is_somebody_else_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    before = user()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "grace")
    assert user() == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become a user that has no name")
def test_an_account_without_a_name_is_its_number() -> None:
    program = "import os; from training_pipeline.cli.user import user; os.setuid(54321); print(user())"
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "uid-54321"
