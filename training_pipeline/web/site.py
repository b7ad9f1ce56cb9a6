"""What every page needs: the app's services, the caller, and live updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.types import Scope

from training_pipeline.api.auth.sessions import page_caller
from training_pipeline.api.events.live import Live
from training_pipeline.api.single_flight import SingleFlight
from training_pipeline.app.container import Services
from training_pipeline.client.local import LocalClient
from training_pipeline.domain.access import Caller
from training_pipeline.settings import Settings
from training_pipeline.web.client import PageClient
from training_pipeline.web.sheet_counts import SheetCounts


@dataclass(frozen=True)
class Site:
    """The pages' view of the app that they are mounted on."""

    app: FastAPI
    settings: Settings
    counts: SheetCounts = field(default_factory=SheetCounts)
    flights: SingleFlight[Any] = field(default_factory=SingleFlight)

    @property
    def services(self) -> Services:
        """The services of the installation; available only while the app runs."""
        found: Services = self.app.state.services
        return found

    @property
    def live(self) -> Live:
        """Live updates of jobs; available only while the app runs."""
        found: Live = self.app.state.live
        return found

    async def ask(self, scope: Scope) -> Caller:
        """The caller of this request; raises `Unauthenticated` without a valid session."""
        return await to_thread.run_sync(page_caller, HTTPConnection({**scope, "app": self.app}))

    def client(self, connection: HTTPConnection) -> PageClient:
        """The client of whoever sent this: the shell has asked who that is."""
        caller: Caller = connection.state.page_caller
        return PageClient(LocalClient(self.services, caller), self.flights, self.app.state.creates)
