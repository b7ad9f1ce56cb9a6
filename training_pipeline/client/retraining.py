"""The check of what is due to be trained again, for one caller. The REST API does not offer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training_pipeline.client.roles import needs
from training_pipeline.client.services import OnServices
from training_pipeline.domain.access import Role

if TYPE_CHECKING:
    from training_pipeline.retraining.retrain import SheetCheck


class LocalRetraining(OnServices):
    """Retrains over the services of one installation."""

    @needs(Role.OPERATOR)
    def check_sheets(self, *, tick: str, create: bool = True) -> list[SheetCheck]:
        """Check every training sheet and, with `create`, create the jobs that are due: once a sheet for a tick."""
        return self._services.retrainer.check_sheets(tick=tick, requested_by=self.caller.name, create=create)
