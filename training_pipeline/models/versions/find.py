"""The registered versions, told from the lineage records of the jobs that registered them. Reads only."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import text

from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.model_version import VersionState
from training_pipeline.models.versions.standing import Standings, state_of
from training_pipeline.training_jobs.store.jobs import JobStore

#: The name under which a job registers its version.
NAME: Final = "coalesce(j.uc_model_name, j.model_name)"
_VERSIONS: Final = (
    f"SELECT l.job_id, {NAME} AS name, l.model_version AS version, j.status, j.created_at,"  # noqa: S608 - our own text
    " j.completed_at AS registered_at, j.created_by, j.training_sheet_id, j.training_sheet_name, j.base_model,"
    " l.dataset_digest, CAST(j.dataset ->> 'train_pairs' AS integer) AS train_pairs,"
    " CAST(j.dataset ->> 'validation_pairs' AS integer) AS validation_pairs,"
    " ARRAY(SELECT a.alias FROM model_aliases AS a WHERE a.until IS NULL AND a.model_version = l.model_version"
    f" AND a.model_name = {NAME} ORDER BY a.alias) AS aliases"
    " FROM training_job_lineage AS l JOIN training_jobs AS j ON j.id = l.job_id"
    " WHERE l.model_version IS NOT NULL"
)
#: The latest version of each name and number, whether it is tainted, and by what. A registry that is made anew has
#: the same numbers again.
TAINTS: Final = (
    f"SELECT DISTINCT ON (name, version) {NAME} AS name, l.model_version AS version, j.id AS job_id,"  # noqa: S608
    " ARRAY(SELECT t.revocation_id FROM taints AS t WHERE t.job_id = j.id ORDER BY t.created_at, t.revocation_id)"
    " AS revocations FROM training_job_lineage AS l JOIN training_jobs AS j ON j.id = l.job_id"
    " WHERE l.model_version IS NOT NULL ORDER BY name, version, j.created_at DESC, j.id DESC"
)
_ORDER: Final = " ORDER BY j.created_at DESC, l.job_id DESC"
_FILTERS: Final[Mapping[str, str]] = {
    "name": f"{NAME} = :name",
    "version": "l.model_version = :version",
    "sheet": "(j.training_sheet_id = :sheet OR l.sheet_id = :sheet)",
    "alias": "EXISTS (SELECT 1 FROM model_aliases AS a WHERE a.until IS NULL AND a.alias = :alias"  # noqa: S608 - our own
    f" AND a.model_name = {NAME} AND a.model_version = l.model_version)",
}
#: So many names are offered instead of an unknown one.
_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Registered:
    """A version in a list. Its aliases are those that it was last seen with."""

    job_id: str
    name: str
    version: str
    created_at: datetime
    #: When its job ended; null while it is being finished.
    registered_at: datetime | None
    created_by: str
    training_sheet_id: str
    training_sheet_name: str
    base_model: str
    dataset_digest: str
    train_pairs: int | None
    validation_pairs: int | None
    aliases: tuple[str, ...]
    state: VersionState
    reasons: tuple[str, ...] = ()


def registered(store: JobStore, standings: Standings, **filters: str | None) -> list[Registered]:
    """The versions that pass every filter (`name`, `version`, `sheet`, `alias`), the newest first."""
    stated = {name: value for name, value in filters.items() if value is not None}
    where = "".join(f" AND {_FILTERS[name]}" for name in stated)
    with store.begin() as connection:
        rows = connection.execute(text(f"{_VERSIONS}{where}{_ORDER}"), stated).mappings().all()
    standing = standings([row["job_id"] for row in rows])
    found = []
    for row in rows:
        fields: dict[str, Any] = {**row, "aliases": tuple(row["aliases"])}
        how = standing.get(row["job_id"])
        state = state_of(fields.pop("status"), how)
        found.append(Registered(**fields, state=state, reasons=() if how is None else how.reasons))
    return found


def names(store: JobStore) -> list[str]:
    """The names of all models that have a version, in their order."""
    query = f"SELECT DISTINCT name FROM ({_VERSIONS}) AS versions ORDER BY name"  # noqa: S608 - our own text
    with store.begin() as connection:
        return list(connection.execute(text(query)).scalars())


@dataclass(frozen=True, slots=True)
class VersionFacets:
    """The names of models that have a version, the training sheets of these, and the aliases that name one now."""

    names: tuple[str, ...]
    training_sheet_ids: tuple[str, ...]
    aliases: tuple[str, ...]


def facets(store: JobStore) -> VersionFacets:
    """The values by which versions can be filtered, in order. Aliases are those that were last seen."""
    found = registered(store, lambda _: {})
    return VersionFacets(
        tuple(sorted({one.name for one in found})),
        tuple(sorted({one.training_sheet_id for one in found})),
        tuple(sorted({alias for one in found for alias in one.aliases})),
    )


def version(store: JobStore, standings: Standings, name: str, number: str) -> tuple[Registered, list[str]]:
    """The version, and the ids of older jobs that registered the same name and number in a registry of before.

    Raises `NotFound` with the nearest names or versions.
    """
    found = registered(store, standings, name=name, version=number)
    if not found:
        raise _unknown(store, name, number)
    return found[0], [other.job_id for other in found[1:]]


def _unknown(store: JobStore, name: str, number: str) -> NotFound:
    known = registered(store, lambda _: {}, name=name)
    if known:
        versions = sorted({one.version for one in known}, key=lambda one: (_distance(one, number), one))
        said = f"Nearest: {', '.join(versions[:_NEAREST])}."
        return NotFound(f"The model {name!r} has no version {number!r} here.", hint=said)
    near = difflib.get_close_matches(name, names(store), n=_NEAREST)
    said = f"Nearest: {', '.join(near)}." if near else "`training-pipeline models list` shows all of them."
    return NotFound(f"No training job has registered a model {name!r}.", hint=said)


def _distance(one: str, other: str) -> int:
    return abs(int(one) - int(other)) if one.isdecimal() and other.isdecimal() else 0
