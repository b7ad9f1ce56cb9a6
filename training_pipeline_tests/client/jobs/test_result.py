"""What a training came to: figures for everybody, texts for who may see them, and none of what was revoked."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from training_pipeline.app.container import Services
from training_pipeline.backends.results import AnsweredQuestion, PairLoss
from training_pipeline.client.jobs.result import job_result
from training_pipeline.client.local import LocalClient
from training_pipeline.datasets.erased import Erased, erase_text
from training_pipeline.datasets.validation_text import validation_ids
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.schemas.result import TrainingJobResult
from training_pipeline.testing.jobs.jobs import ScriptedBackend, new_job
from training_pipeline.testing.system.installation import with_parts

TEXT = "zanzibar"


class Measuring(ScriptedBackend):
    """A backend whose runs were asked two questions, and measured four pairs."""

    def answers(self, job_id: str, attempt: int) -> Sequence[AnsweredQuestion]:
        right = AnsweredQuestion(question=f"{TEXT}?", expected=TEXT, before=f"no {TEXT}", after=TEXT)
        return [right, right.model_copy(update={"after": None})]

    def pair_losses(self, job_id: str, attempt: int) -> Sequence[PairLoss]:
        return [PairLoss(loss=loss, tokens=3) for loss in (0.5, 2.0, None, 1.0)]


@pytest.fixture
def measured(services: Services, done: TrainingJob) -> Services:
    services.store.update(done.id, {"custom_metrics": {"exact_match_after": 0.5, "stopped_answers": 2.0}})
    return with_parts(services, backend=Measuring())


def told(parts: Services, job: TrainingJob, **asked: object) -> TrainingJobResult:
    return job_result(parts, job.id, **{"texts": True, "limit": 3, **asked})  # type: ignore[arg-type]


def test_pairs_are_named_and_the_highest_losses_come_first(measured: Services, done: TrainingJob) -> None:
    dataset = required(done.data.dataset, "dataset")
    ids = validation_ids(dataset, 4)
    found = told(measured, done)
    assert [(one.pair_id, one.right_before, one.right_after) for one in found.answered] == [
        (ids[0], False, True),
        (ids[1], False, False),
    ]
    assert found.answered[0].before == f"no {TEXT}"
    assert [(one.pair_id, one.loss) for one in found.losses] == [(ids[2], None), (ids[1], 2.0), (ids[3], 1.0)]
    assert all(one.question and one.expected for one in found.losses)
    assert (found.losses_measured, found.exact_match_after, found.stopped_answers) == (4, 0.5, 2)


def test_no_text_of_what_was_revoked_or_erased_or_of_who_may_not_see_it(measured: Services, done: TrainingJob) -> None:
    dataset = required(done.data.dataset, "dataset")
    ids = validation_ids(dataset, 4)
    viewer = LocalClient(measured, Caller("ada", Role.VIEWER)).result(done.id)
    assert {*(one.withheld for one in viewer.answered), *(one.withheld for one in viewer.losses)} == {"role"}
    assert TEXT not in viewer.model_dump_json()
    assert viewer.losses[1].loss == 2.0
    for role in (Role.OPERATOR, Role.STEWARD, Role.ADMIN):
        assert LocalClient(measured, Caller("ada", role)).result(done.id).texts_shown
    measured.revocations.revoke(Revoked(kind="pair", value=ids[0]), reason="r", actor="grace")
    after = told(measured, done)
    assert [one.withheld for one in after.answered] == ["revoked", None]
    assert after.answered[0].question is None
    assert after.answered[0].right_after
    mark = {"revocation_id": "rv-1", "actor": "a", "erased_at": "2026-01-01"}
    erase_text(dataset.path, Erased.model_validate(mark))
    gone = told(measured, done)
    assert {one.withheld for one in gone.answered} == {"revoked", "erased"}
    assert TEXT not in gone.model_dump_json()


def test_what_there_is_nothing_of(measured: Services, done: TrainingJob) -> None:
    job = measured.store.create(new_job(), message="Created.")
    assert told(measured, job).unavailable == "The job has not succeeded."
    required(done.data.dataset, "dataset").manifest_file.unlink()
    found = told(measured, done)
    assert "cannot be read" in str(found.unavailable)
    assert found.exact_match_after == 0.5
