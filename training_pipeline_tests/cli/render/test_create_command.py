from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from training_pipeline.cli.commands import jobs
from training_pipeline.cli.render.create_command import create_command
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.training_config import JobRequest


class Asked:
    """A client that remembers what it is asked for, and refuses it."""

    def __init__(self) -> None:
        self.bodies: list[Mapping[str, Any]] = []

    def plan(self, body: Mapping[str, Any]) -> None:
        self.bodies.append(body)
        raise InvalidRequest("That is all.")


@pytest.mark.parametrize(
    "stated",
    [
        {},
        {"training_config": {"learning_rate": 0.00017364281, "epochs": "auto", "allow_never_stops": True}},
        {"train_val_split": 0.70000001, "split_seed": "a b", "split_predecessor": "tj-1", "base_model": "org/model"},
        {
            "fresh_split": True,
            "register_to_uc": False,
            "uc_catalog": "ml",
            "uc_schema": "models",
            "tags": ["a", "k:v w"],
        },
    ],
)
def test_it_asks_for_the_same(stated: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"training_sheet_id": "cases", "model_name": "triage", **stated}
    asked = Asked()

    @contextmanager
    def opened(*_: object) -> Iterator[Asked]:
        yield asked

    monkeypatch.setattr(jobs, "open_jobs", opened)
    program, command, *words = shlex.split(create_command(request))
    assert (program, command) == ("training-pipeline", "jobs")
    done = CliRunner().invoke(jobs.app, [words[0], "--dry-run", *words[1:]])
    assert isinstance(done.exception, InvalidRequest), done.output
    (body,) = asked.bodies
    assert JobRequest.model_validate(body) == JobRequest.model_validate(request)
