"""Who launched a run of Dagster's: tags that Dagster's UI sets itself, whatever the browser sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from training_pipeline.domain.access import Caller, Role

NAME: Final = "training_pipeline/launched_by"
ROLE: Final = "training_pipeline/launched_as"


def tags_of(caller: Caller) -> dict[str, str]:
    """The tags of the runs that the caller launches; none where nobody is asked who they are."""
    return {} if caller.token_id is None else {NAME: caller.name, ROLE: str(caller.role)}


def launcher(tags: Mapping[str, str]) -> Caller | None:
    """Who launched the run with these tags; null if it was nobody who had logged in."""
    return Caller(tags[NAME], Role(tags[ROLE])) if NAME in tags and ROLE in tags else None
