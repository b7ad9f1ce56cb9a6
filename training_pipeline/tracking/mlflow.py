"""MLflow: a run for each job, its curves, and the registered model versions.

The same client code talks to our own database and to a server. Everything here is idempotent: runs and model versions
are found again by a tag that names the job. MLflow is imported when first used, not before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import SecretStr

from training_pipeline.backends.metric_point import MetricPoint
from training_pipeline.domain.errors import BackendFailed

if TYPE_CHECKING:
    from mlflow import MlflowClient

JOB_TAG: Final = "training_pipeline.job_id"
_BATCH: Final = 1000  # MLflow's limit for the metrics of one log_batch
#: Batches that are written at the same moment. MLflow's store takes a second connection while it holds the first, and
#: has 15: with as many writers none of them would get its second one.
_WRITERS: Final = 4
_NOT_FOUND: Final = "RESOURCE_DOES_NOT_EXIST"
_EXISTS: Final = "RESOURCE_ALREADY_EXISTS"


def _named(model_name: str) -> str:
    """The filter of MLflow for one registered model; jobs of earlier versions may have a ' in the name."""
    quote = '"' if "'" in model_name else "'"
    return f"name = {quote}{model_name}{quote}"


class RunTracking(Protocol):
    """What a job needs from MLflow, whether it is ours or that of a backend whose runs log to it themselves."""

    @property
    def runs_register(self) -> bool:
        """Whether runs register their models themselves, while they train."""
        ...

    def start_run(
        self, job_id: str, *, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> tuple[str | None, str | None]:
        """The experiment id and run id of a job; null where the backend makes them."""
        ...

    def log_points(self, run_id: str, points: Sequence[MetricPoint]) -> None:
        """Have these points in the run."""
        ...

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run. Idempotent."""
        ...

    def tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run. Reads only."""
        ...

    def has_version(self, model_name: str, version: str) -> bool:
        """Whether the registry has this version of the model. Reads only."""
        ...

    def registered_version(self, model_name: str, *, job_id: str, run_id: str) -> str | None:
        """The version that was registered for a job and its run; null where there is none. Reads only."""
        ...

    def tag_version(self, model_name: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a model version. Idempotent."""
        ...

    def aliases(self, model_name: str) -> dict[str, str]:
        """The aliases of a registered model and the version that each names; none of an unknown model. Reads only."""
        ...

    def set_alias(self, model_name: str, alias: str, version: str | None) -> None:
        """Have an alias name this version of a registered model, or none. Idempotent.

        Raises `BackendFailed` where the registry does not have this version, or will never let an alias name it.
        """
        ...

    def end_run(self, run_id: str, status: str) -> None:
        """End a run as FINISHED, FAILED or KILLED. Idempotent."""
        ...

    def register(
        self, model_name: str, *, source: Path, run_id: str, job_id: str, tags: Mapping[str, str], description: str
    ) -> str:
        """The version of `model_name` that belongs to the job."""
        ...

    def share(self, model_name: str) -> None:
        """Let others use the model, as the installation says. Idempotent; raises a `PipelineError`."""
        ...


class Tracking:
    """Writes to one MLflow tracking server and its registry; `uri` may be our own PostgreSQL."""

    runs_register = False

    def __init__(self, uri: SecretStr, *, experiment: str, artifacts: Path) -> None:
        self._uri = uri
        self.experiment = experiment
        self.artifacts = artifacts
        self._turns = BoundedSemaphore(_WRITERS)

    @cached_property
    def client(self) -> MlflowClient:
        """The MLflow client; the first access imports MLflow."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient

        uri = self._uri.get_secret_value()
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    @cached_property
    def experiment_id(self) -> str:
        """The experiment of the jobs' runs, created where it does not exist."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        try:
            return self.client.create_experiment(self.experiment, artifact_location=self.artifacts.as_uri())
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise
            found = self.client.get_experiment_by_name(self.experiment)
            if found is None:
                raise
            return str(found.experiment_id)

    def start_run(self, job_id: str, *, params: Mapping[str, Any], tags: Mapping[str, str]) -> tuple[str, str]:
        """The experiment id and run id of a job, created where there is no run yet. Idempotent. Writes."""
        from mlflow.entities import Param

        found = self.client.search_runs([self.experiment_id], f"tags.`{JOB_TAG}` = '{job_id}'", max_results=1)
        run = found[0] if found else None
        if run is None:
            run = self.client.create_run(self.experiment_id, run_name=job_id, tags={**tags, JOB_TAG: job_id})
        # Also of a run that is there already: whoever made it may have died right then. MLflow changes none it has.
        missing = [Param(key, str(value)) for key, value in params.items() if key not in run.data.params]
        self.client.log_batch(run.info.run_id, params=missing)
        return self.experiment_id, run.info.run_id

    def log_points(self, run_id: str, points: Sequence[MetricPoint]) -> None:
        """Write points under their own times. Writing the same points again adds nothing to a database store."""
        from mlflow.entities import Metric

        metrics = [Metric(p.name, p.value, int(p.time * 1000), p.step) for p in points if math.isfinite(p.value)]
        for start in range(0, len(metrics), _BATCH):
            with self._turns:
                self.client.log_batch(run_id, metrics=metrics[start : start + _BATCH])

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run. Idempotent."""
        for key, value in tags.items():
            self.client.set_tag(run_id, key, value)

    def tags(self, run_id: str) -> dict[str, str]:
        """The tags of a run. Reads only."""
        return dict(self.client.get_run(run_id).data.tags)

    def has_version(self, model_name: str, version: str) -> bool:
        """Whether the registry has this version of the model. Reads only."""
        found = self.client.search_model_versions(_named(model_name))
        return any(str(known.version) == version for known in found)

    def registered_version(self, model_name: str, *, job_id: str, run_id: str) -> str | None:
        """See `RunTracking`; found by the tag that names the job."""
        del run_id
        for version in self.client.search_model_versions(_named(model_name)):
            if version.tags.get(JOB_TAG) == job_id:
                return str(version.version)
        return None

    def tag_version(self, model_name: str, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of a model version. Idempotent."""
        for key, value in tags.items():
            self.client.set_model_version_tag(model_name, version, key, value)

    def aliases(self, model_name: str) -> dict[str, str]:
        """The aliases of a registered model and the version that each names; none of an unknown model. Reads only."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_registered_model(model_name).aliases
        except MlflowException as error:
            if error.error_code != _NOT_FOUND:
                raise
            return {}
        return {str(alias): str(version) for alias, version in found.items()}

    def set_alias(self, model_name: str, alias: str, version: str | None) -> None:
        """See `RunTracking`. Writes."""
        from mlflow.exceptions import MlflowException

        try:
            with self._turns:
                if version is None:
                    self.client.delete_registered_model_alias(model_name, alias)
                else:
                    self.client.set_registered_model_alias(model_name, alias, version)
        except MlflowException as error:
            if error.error_code != _NOT_FOUND:
                raise
            if version is not None:
                raise BackendFailed(f"MLflow has no version {version} of {model_name}.") from error

    def end_run(self, run_id: str, status: str) -> None:
        """End a run as FINISHED, FAILED or KILLED. Idempotent."""
        with self._turns:
            self.client.set_terminated(run_id, status)

    def register(
        self, model_name: str, *, source: Path, run_id: str, job_id: str, tags: Mapping[str, str], description: str
    ) -> str:
        """The version of `model_name` that belongs to the job, registered where there is none yet. Writes."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(model_name)
        except MlflowException as error:
            if error.error_code != _EXISTS:
                raise
        found = self.registered_version(model_name, job_id=job_id, run_id=run_id)
        if found is not None:
            return found
        version = self.client.create_model_version(
            model_name, str(source), run_id=run_id, tags={**tags, JOB_TAG: job_id}, description=description
        )
        return str(version.version)

    def share(self, model_name: str) -> None:
        """Nothing is to be granted here: whoever reaches the registry may read all of it."""
