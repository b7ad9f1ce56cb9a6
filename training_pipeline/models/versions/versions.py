"""Registered model versions: listed, shown whole, verified; and where they are served."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import required
from training_pipeline.models.versions import chain, endpoints, files, find
from training_pipeline.models.versions.approvals import approvals
from training_pipeline.models.versions.standing import no_standings
from training_pipeline.models.versions.verify import Subject, Verifier
from training_pipeline.training_jobs.store import lineage

if TYPE_CHECKING:
    from training_pipeline.backends.base import FineTuningBackend
    from training_pipeline.domain.job import TrainingJob
    from training_pipeline.domain.lineage import LineageRecord
    from training_pipeline.domain.model_version import Check, VersionState
    from training_pipeline.models.versions.aliases import Aliases, AliasUse
    from training_pipeline.models.versions.approvals import Approvals
    from training_pipeline.models.versions.chain import Ancestor, Descendant
    from training_pipeline.models.versions.endpoints import EndpointUse
    from training_pipeline.models.versions.files import ModelFile, Place
    from training_pipeline.models.versions.find import Registered, VersionFacets
    from training_pipeline.models.versions.standing import Standings
    from training_pipeline.tracking.mlflow import RunTracking
    from training_pipeline.training_jobs.polling.permission import Permission
    from training_pipeline.training_jobs.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Listed:
    """Some of the versions that pass the filters, and how many do."""

    versions: tuple[Registered, ...]
    total: int
    #: Why the aliases are those that were seen last, and may have moved since; None where they are those of now.
    aliases_unavailable: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A version with everything that is on record of it."""

    version: Registered
    job: TrainingJob
    record: LineageRecord
    #: Who allowed its rows; None where the manifest cannot say it, with the reason in `manifest_problem`.
    approvals: Approvals | None
    manifest_problem: str | None
    #: None where it is not on record whether its base model is one of ours.
    ancestors: tuple[Ancestor, ...] | None
    descendants: tuple[Descendant, ...]
    aliases: tuple[AliasUse, ...]
    aliases_unavailable: str | None
    endpoints: tuple[EndpointUse, ...]
    #: When a workspace said last what its endpoints serve; null where none ever did.
    endpoints_looked_at: datetime | None
    place: Place
    files: tuple[ModelFile, ...]
    snippet: str | None


class ModelVersions:
    """A version is known by its name and its number, as the registry has them."""

    def __init__(
        self,
        store: JobStore,
        permission: Permission,
        backend: FineTuningBackend,
        tracking: RunTracking,
        *,
        aliases: Aliases,
        standings: Standings = no_standings,
    ) -> None:
        self._store = store
        self._backend = backend
        self._aliases = aliases
        self._standings = standings
        self._verifier = Verifier(store, permission, backend, tracking)

    def list(
        self,
        *,
        name: str | None = None,
        alias: str | None = None,
        state: VersionState | None = None,
        sheet: str | None = None,
        limit: int,
        offset: int = 0,
        after: tuple[datetime, str] | None = None,
    ) -> Listed:
        """The versions that pass every filter, the newest first; `after` is when a job was created, and its id.

        `sheet` is a training sheet or a source sheet. Aliases are those that the registry has now, where it answers.
        """
        named = [name] if name is not None else find.names(self._store) if alias is not None else []
        unavailable = self._aliases.look(named) if named else None
        found = find.registered(self._store, self._standings, name=name, alias=alias, sheet=sheet)
        kept = [one for one in found if state is None or one.state is state]
        further = [one for one in kept if after is None or (one.created_at, one.job_id) < after]
        page = further[offset : offset + limit]
        fresh = {one.name for one in page} - set(named)
        if fresh:
            unavailable = unavailable or self._aliases.look(sorted(fresh))
            now = {one.job_id: one.aliases for one in find.registered(self._store, self._standings, name=name)}
            page = [replace(one, aliases=now.get(one.job_id, one.aliases)) for one in page]
        return Listed(tuple(page), len(kept), unavailable)

    def facets(self) -> VersionFacets:
        """The values by which versions can be filtered."""
        return find.facets(self._store)

    def show(self, name: str, number: str) -> Whole:
        """Everything about a version; what cannot be said is said. Raises `NotFound` with the nearest names."""
        unavailable = self._aliases.look([name])
        subject = self.subject(name, number)
        counted, problem = _counted(subject.job)
        where = files.place(self._backend, subject.job, name, number)
        return Whole(
            version=subject.version,
            job=subject.job,
            record=subject.record,
            approvals=counted,
            manifest_problem=problem,
            ancestors=None if subject.ancestors is None else tuple(subject.ancestors),
            descendants=chain.descendants(self._store, subject.job.id),
            aliases=self._aliases.history(name, number),
            aliases_unavailable=unavailable,
            endpoints=endpoints.history(self._store, name, number),
            endpoints_looked_at=endpoints.looked_at(self._store),
            place=where,
            files=files.files(subject.record.model_files or {}, where),
            snippet=files.snippet(where),
        )

    def verify(self, name: str, number: str) -> tuple[Check, ...]:
        """Look at everything about a version anew. Raises `NotFound` as `show` does. Reads only."""
        return tuple(self._verifier.checks(self.subject(name, number)))

    def add_endpoint(self, name: str, number: str, url: str, *, actor: str) -> tuple[EndpointUse, ...]:
        """Record that an endpoint serves the version; all of its endpoints. Idempotent.

        Raises `NotFound` and `InvalidRequest`.
        """
        self.subject(name, number)
        endpoints.add(self._store, name, number, url, actor=actor)
        return endpoints.history(self._store, name, number)

    def remove_endpoint(self, name: str, number: str, url: str, *, actor: str) -> tuple[EndpointUse, ...]:
        """Record that an endpoint serves the version no more; all of its endpoints.

        Raises `NotFound` where nobody recorded that it serves it, and `Conflict` where a workspace says that it does.
        """
        self.subject(name, number)
        endpoints.remove(self._store, name, number, url, actor=actor)
        return endpoints.history(self._store, name, number)

    def subject(self, name: str, number: str) -> Subject:
        """A version with what is on record of it. Raises `NotFound` as `show` does. Reads only."""
        found, older = find.version(self._store, self._standings, name, number)
        record = lineage.read(self._store, found.job_id)
        return Subject(found, older, self._store.get(found.job_id), record, chain.ancestors(self._store, record))


def _counted(job: TrainingJob) -> tuple[Approvals | None, str | None]:
    try:
        return approvals(required(job.data.dataset, "dataset")), None
    except Unavailable as error:
        return None, error.message
