"""Where model versions are in use now: the aliases that name them, and the endpoints that serve them. As last seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.uses import InUse

_ASKED: Final = (
    "unnest(CAST(:names AS text[]), CAST(:versions AS text[])) AS asked (name, version)"
    " ON asked.name = model_name AND asked.version = model_version WHERE until IS NULL"
)
_ALIASES: Final = text(f"SELECT name, version, alias FROM model_aliases JOIN {_ASKED} ORDER BY alias")  # noqa: S608
_ENDPOINTS: Final = text(f"SELECT name, version, url FROM model_endpoints JOIN {_ASKED} ORDER BY url")  # noqa: S608

#: By name and version. What is used nowhere is not in it.
InUses = Mapping[tuple[str, str | None], InUse]


def in_use(connection: Connection, versions: Iterable[tuple[str, str | None]]) -> InUses:
    """Where each of these versions is in use; a model without a version is nowhere. Reads only."""
    asked = sorted({(name, version) for name, version in versions if version is not None})
    if not asked:
        return {}
    wanted = {"names": [name for name, _ in asked], "versions": [version for _, version in asked]}
    aliases, endpoints = (_places(connection.execute(query, wanted).tuples()) for query in (_ALIASES, _ENDPOINTS))
    return {
        one: InUse(aliases=tuple(aliases[one]), endpoints=tuple(endpoints[one]))
        for one in asked
        if one in aliases or one in endpoints
    }


def _places(rows: Iterable[tuple[str, str, str]]) -> Mapping[tuple[str, str], list[str]]:
    found: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, version, place in rows:
        found[name, version].append(place)
    return found
