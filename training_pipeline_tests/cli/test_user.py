from __future__ import annotations

import getpass
import os
import subprocess
import sys

import pytest

from training_pipeline.cli.user import caller, user
from training_pipeline.domain.access import local_caller


def test_whoever_can_reach_the_database_is_an_admin_by_the_name_of_the_account() -> None:
    assert caller() == local_caller(getpass.getuser())
    assert user() == getpass.getuser()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become a user that has no name")
def test_an_account_without_a_name_is_its_number() -> None:
    program = "import os; from training_pipeline.cli.user import user; os.setuid(54321); print(user())"
    names = {"LOGNAME", "USER", "LNAME", "USERNAME"}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", program]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "uid-54321"
