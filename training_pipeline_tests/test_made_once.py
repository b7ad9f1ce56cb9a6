"""What tests begin with is the same where it is a copy, and a copy only of what begins in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from training_pipeline.app.container import Services
from training_pipeline.datasets.store import is_whole
from training_pipeline.domain.refs import required
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.made_once import Contents, made_once
from training_pipeline.testing.models.evaluated import SUITE, make_suite
from training_pipeline.testing.servers.postgres import cloned
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import scripted_services
from training_pipeline.training_jobs.store.events import EventType

Install = Callable[[], Services]


@pytest.fixture
def install(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Install]:
    """Makes installations beside each other."""
    with ExitStack() as made:

        def one() -> Services:
            url = made.enter_context(cloned(postgres, DATABASE))
            here = tmp_path / Database.at(url).name
            settings = Settings(state_dir=here, database_url=url, duckdb_threads=1)
            return made.enter_context(scripted_services(settings, Database.at(url), ScriptedBackend()))

        yield one


def test_a_copy_is_what_was_made_and_goes_on_as_that_would(install: Install) -> None:
    first, copy = install(), install()
    for services in (first, copy):
        make_suite(services)
    jobs = [succeeded(services) for services in (first, copy)]
    assert jobs[1].id == jobs[0].id
    assert Contents.of(copy) == Contents.of(first)
    dataset = required(jobs[1].data.dataset, "dataset")
    assert dataset.path.is_relative_to(copy.settings.state_dir)
    assert is_whole(dataset.path)
    assert copy.suites.check(SUITE, jobs[1].id) == first.suites.check(SUITE, jobs[0].id)
    before = copy.store.events(jobs[1].id)[0]
    copy.store.record(jobs[1].id, EventType.INFO, "on")
    assert [event.id for event in copy.store.events(jobs[1].id)[0]][1:] == [one.id for one in before]


def test_what_begins_otherwise_is_made_anew(install: Install) -> None:
    made: list[str] = []

    @made_once
    def job(services: Services, model_name: str = "triage") -> str:
        created = services.store.create(new_job(model_name=model_name), message="Created.")
        made.append(created.id)
        return created.id

    assert job(install()) == job(again := install()) == made[0]
    assert again.store.get(made[0]).request.model_name == "triage"
    other = [install() for _ in range(4)]
    write_sheet(other[0].settings.sheets, "small", rows(30))
    other[1].store.create(new_job(), message="Created.")
    other[2].settings = other[2].settings.model_copy(update={"min_pairs": 11})
    assert [job(other[0]), job(other[1]), job(other[2]), job(other[3], "other")] == made[1:]
    assert len(set(made)) == 5
