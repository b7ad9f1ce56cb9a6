"""The services of this installation, as one caller may use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from training_pipeline.domain.job import TrainingJob as StoredJob
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.schemas.validation import invalid_request
from training_pipeline.urls import Urls

if TYPE_CHECKING:
    from training_pipeline.app.container import Services
    from training_pipeline.domain.access import Caller
    from training_pipeline.schemas.model_version import ModelVersionDetails

M = TypeVar("M", bound=BaseModel)
#: Drives a job to its end in this process; gives the job after every step.
Drive = Callable[[str], Iterator[StoredJob]]


class OnServices:
    """What every subject's verbs stand on."""

    def __init__(self, services: Services, caller: Caller, *, drive: Drive | None = None) -> None:
        self.caller = caller
        self._services = services
        self._drive = drive
        self._addresses = Urls.of(services.settings)

    def shown(self, job: StoredJob) -> TrainingJob:
        """A job of the store as the caller sees it: with what the caller may do."""
        return TrainingJob.of(job, self.caller, self._addresses)

    def _details(self, name: str, version: str) -> ModelVersionDetails:
        """A model version with everything that is on record of it. Raises `NotFound`."""
        from training_pipeline.models.evaluation import records
        from training_pipeline.schemas.model_version import ModelVersionDetails

        whole = self._services.versions.show(name, version)
        retrains = self._services.retrains
        proposal = retrains.of(name, version)
        return ModelVersionDetails.of_whole(
            whole,
            self._addresses,
            None if proposal is None else (proposal, retrains.estimate(proposal)),
            evaluations=records.of_version(self._services.store, name, version),
            download_problem=self._services.downloads.problem(whole),
        )


def checked(model: type[M], body: Mapping[str, Any] | M) -> M:
    """The body as the REST API would take it: a text is not taken for a number. So are its words of refusal."""
    if isinstance(body, model):
        return body
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise invalid_request(error.errors(include_url=False)) from None
