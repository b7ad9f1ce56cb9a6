"""What every page stands on: the app's services, who is looking, and news of changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from starlette.requests import HTTPConnection

from training_pipeline.api.deps import Caller
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services
from training_pipeline.web.changes import Changes
from training_pipeline.web.desk import Desk
from training_pipeline.web.sheet_counts import SheetCounts


@dataclass(frozen=True)
class Site:
    """The pages' view of the app that they are mounted on."""

    app: FastAPI
    settings: Settings
    changes: Changes = field(init=False)
    counts: SheetCounts = field(init=False)
    flights: SingleFlight[Any] = field(default_factory=SingleFlight)

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", Changes(lambda: self.services.store))
        object.__setattr__(self, "counts", SheetCounts(lambda: self.services))

    @property
    def services(self) -> Services:
        """The parts of the installation; there only while the app runs."""
        found: Services = self.app.state.services
        return found

    def desk(self, connection: HTTPConnection) -> Desk:
        """The service, for who sent this."""
        return Desk(self.services, self.caller(connection), self.flights)

    def caller(self, connection: HTTPConnection) -> Caller:
        """Who sent this; raises an error of the domain for one that is from nobody it knows."""
        found: Caller = self.app.state.authenticate(connection)
        return found
