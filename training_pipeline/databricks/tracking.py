"""MLflow and the model registry of a workspace, where the runs log and register by themselves.

Nothing is copied there: what is left for us is to find, to tag, and to verify what the program on the worker did.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.errors import BackendFailed, BackendUnreachable
from training_pipeline.domain.workspace_access import AccessEntry

if TYPE_CHECKING:
    from databricks.sdk.service.catalog import ModelVersionInfo

_SOURCE: Final = "models:"
#: How names of evaluation metrics begin; a training logs none of these.
_MEASURED: Final = "evaluation/"
#: As many metrics as MLflow takes in one call.
_AT_ONCE: Final = 1000
#: The SDK has no call for it; the MLflow client uses this one.
_SET_TAG: Final = "/api/2.0/mlflow/unity-catalog/model-versions/set-tag"
_SETTING: Final = "TRAINING_PIPELINE_DATABRICKS_ACCESS_CONTROL_LIST"


class DatabricksTracking:
    """The same verbs as `Tracking` has, done by looking."""

    runs_register = True

    def __init__(self, connection: Connection, access: Sequence[AccessEntry] = ()) -> None:
        self._connection = connection
        self._access = access

    def start_run(self, job_id: str, *, params: Mapping[str, Any], tags: Mapping[str, str]) -> tuple[None, None]:
        """AI Runtime makes the MLflow run once the program starts: there is none yet."""
        del job_id, params, tags
        return None, None

    def log_points(self, run_id: str, points: Sequence[MetricPoint]) -> None:
        """Log what an evaluation measured; the curves of a training were read from that very run."""
        from databricks.sdk.service.ml import Metric

        measured = [
            Metric(key=point.name, value=point.value, timestamp=int(point.time * 1000), step=point.step)
            for point in points
            if point.name.startswith(_MEASURED)
        ]
        for start in range(0, len(measured), _AT_ONCE):
            with self._connection.calling(f"log metrics to MLflow run {run_id}"):
                self._connection.client().experiments.log_batch(
                    run_id=run_id, metrics=measured[start : start + _AT_ONCE]
                )

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run, all in one call. Idempotent."""
        from databricks.sdk.service.ml import RunTag

        with self._connection.calling(f"tag MLflow run {run_id}"):
            self._connection.client().experiments.log_batch(
                run_id=run_id, tags=[RunTag(key=key, value=value) for key, value in tags.items()]
            )

    def tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run. Reads only."""
        with self._connection.calling(f"look at MLflow run {run_id}"):
            run = self._connection.client().experiments.get_run(run_id).run
        found = run.data.tags if run and run.data else None
        return {tag.key: tag.value or "" for tag in found or [] if tag.key}

    def has_version(self, model_name: str, version: str) -> bool:
        """Whether Unity Catalog has this version of the model. Reads only."""
        try:
            with self._connection.calling(f"look at version {version} of {model_name}"):
                self._connection.client().model_versions.get(model_name, int(version))
        except Gone:
            return False
        return True

    def registered_version(self, model_name: str, *, job_id: str, run_id: str) -> str | None:
        """The version in Unity Catalog that this MLflow run registered; null where there is none. Reads only."""
        del job_id
        try:
            with self._connection.calling(f"look for the version of {model_name} that run {run_id} registered"):
                for known in self._connection.client().model_versions.list(model_name):
                    if known.run_id == run_id and known.version is not None:
                        return str(known.version)
        except Gone:
            return None
        return None

    def tag_version(self, model_name: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a model version in Unity Catalog, as the MLflow client does. Idempotent."""
        grant = f"Grant APPLY TAG on {model_name}, and USE CATALOG and USE SCHEMA above it"
        for key, value in tags.items():
            body = {"name": model_name, "version": version, "key": key, "value": value}
            with self._connection.calling(f"tag version {version} of {model_name}", grant=grant):
                self._connection.client().api_client.do("POST", _SET_TAG, body=body)

    def aliases(self, model_name: str) -> dict[str, str]:
        """The aliases of a model in Unity Catalog and the version that each names; none of an unknown one. Reads."""
        try:
            with self._connection.calling(f"look at the aliases of {model_name}"):
                found = self._connection.client().registered_models.get(model_name, include_aliases=True)
        except Gone:
            return {}
        named = {one.alias_name: one.version_num for one in found.aliases or []}
        return {alias: str(version) for alias, version in named.items() if alias and version is not None}

    def set_alias(self, model_name: str, alias: str, version: str | None) -> None:
        """Have an alias name this version of a model in Unity Catalog, or none. Idempotent."""
        grant = f"Make us the owner of {model_name}, with USE CATALOG and USE SCHEMA above it"
        try:
            with self._connection.calling(f"move the alias {alias} of {model_name}", grant=grant):
                models = self._connection.client().registered_models
                if version is None:
                    models.delete_alias(model_name, alias)
                else:
                    models.set_alias(model_name, alias, int(version))
        except Gone:
            if version is not None:
                raise

    def end_run(self, run_id: str, status: str) -> None:
        """End a run that still counts as running, as one whose worker died does. Idempotent."""
        from databricks.sdk.service.ml import UpdateRunStatus

        with self._connection.calling(f"look at MLflow run {run_id}"):
            run = self._connection.client().experiments.get_run(run_id).run
        info = run.info if run else None
        if info is None or info.status is None or info.status.value not in {"RUNNING", "SCHEDULED"}:
            return
        with self._connection.calling(f"end MLflow run {run_id}"):
            self._connection.client().experiments.update_run(
                run_id=run_id, status=UpdateRunStatus(status), end_time=int(time.time() * 1000)
            )

    def register(
        self, model_name: str, *, source: Path, run_id: str, job_id: str, tags: Mapping[str, str], description: str
    ) -> str:
        """The version that the job's run registered, verified to be there, ready, and of this run. Reads only.

        Raises `BackendFailed` where it is not, and `BackendUnreachable` while it is not ready yet.
        """
        del job_id, tags, description
        kind, _, version = str(source).rpartition("/")
        if kind != f"{_SOURCE}/{model_name}" or not version.isdigit():
            raise BackendFailed(f"The run says that its model is {source}; a version of {model_name} was expected.")
        grant = f"Grant EXECUTE on {model_name}, and USE CATALOG and USE SCHEMA above it"
        try:
            with self._connection.calling(f"look at version {version} of {model_name}", grant=grant):
                found = self._connection.client().model_versions.get(model_name, int(version))
        except Gone as error:
            message = f"The run registered version {version} of {model_name}, but it is not there: {error.message}"
            raise BackendFailed(message, hint=grant) from error
        return self._verified(found, model_name, version, run_id)

    def share(self, model_name: str) -> None:
        """Grant others what the setting says they may do with the model. Idempotent.

        Raises `BackendFailed` for a principal that does not exist, and `BackendDenied` where we may not grant it.
        """
        from databricks.sdk.service.catalog import PermissionsChange, Privilege

        changes = [
            PermissionsChange(principal=entry.principal, add=[Privilege(each) for each in entry.model_privileges])
            for entry in self._access
            if entry.model_privileges
        ]
        if changes:
            grant = f"Let us own {model_name} or grant MANAGE on it, or take the model_privileges out of {_SETTING}"
            then = "the next job of the model grants it then, or grant it yourself"
            with self._connection.calling(f"grant {model_name} to others", grant=grant, then=then):
                self._connection.client().grants.update("function", model_name, changes=changes)

    def _verified(self, found: ModelVersionInfo, model_name: str, version: str, run_id: str) -> str:
        status = found.status.value if found.status else None
        if status == "PENDING_REGISTRATION":
            raise BackendUnreachable(
                f"Version {version} of {model_name} is not ready yet.", hint="It is looked at again."
            )
        if status == "FAILED_REGISTRATION":
            raise BackendFailed(f"Unity Catalog could not register version {version} of {model_name}.")
        if found.run_id and found.run_id != run_id:
            raise BackendFailed(f"Version {version} of {model_name} is of MLflow run {found.run_id}, not of {run_id}.")
        return version
