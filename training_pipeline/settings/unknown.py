"""Settings that somebody meant, but that have another name: one that is mistyped is as if it had not been made."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Final

from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX

#: Names that are none of a setting: those of clients of a service elsewhere, and what a trainer is told by.
OTHERS: Final = frozenset({"URL", "TOKEN", "LAUNCHER"})
#: What Kubernetes tells every container of a service whose name is training-pipeline, or begins so.
_OF_SERVICES: Final = re.compile(r"(.+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_OF_LINKS: Final = ("tcp://", "udp://", "sctp://")


def require_known_settings() -> None:
    """Raise `InvalidRequest` for what the environment and `.env` call a setting and is none. Reads."""
    unknown = unknown_settings()
    if unknown:
        said = ", ".join(f"{name} (did you mean {near}?)" if near else name for name, near in unknown.items())
        raise InvalidRequest(
            f"There is no setting {said}.",
            hint="Correct or remove it, in the environment or in the file .env. docs/settings.md lists all settings.",
        )


def unknown_settings() -> dict[str, str | None]:
    """The names in the environment and in `.env` that are no setting's, each with the nearest that is, if any. Reads.

    What Kubernetes writes for a service is left out, for nobody meant it as a setting.
    """
    stated = {**DotEnvSettingsSource(Settings).env_vars, **EnvSettingsSource(Settings).env_vars}
    known = {name.upper() for name in Settings.model_fields}
    unknown: dict[str, str | None] = {}
    for stated_name, value in sorted(stated.items()):
        prefix, name = stated_name.upper()[: len(PREFIX)], stated_name.upper()[len(PREFIX) :]
        if prefix != PREFIX or name in known | OTHERS or _is_of_kubernetes(name, value or ""):
            continue
        near = get_close_matches(name, known, n=1)
        unknown[PREFIX + name] = PREFIX + near[0] if near else None
    return unknown


def _is_of_kubernetes(name: str, value: str) -> bool:
    return _OF_SERVICES.fullmatch(name) is not None or (name.endswith("PORT") and value.startswith(_OF_LINKS))
