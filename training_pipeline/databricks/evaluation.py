"""Evaluations on Databricks: a submitted run as a training is, whose program asks models and scores their answers.

The questions are text of pairs. They lie in the volume, in the folder of their run, from right before the run is
submitted until its program has read them; what comes back are numbers under the ids of pairs.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.asking import AskedModel
from training_pipeline.backends.evaluating import EvaluationOrder, ScoresFile
from training_pipeline.databricks import program
from training_pipeline.databricks.base_models import ACTIVATION_GIGABYTES, DatabricksModels, OfferedModel
from training_pipeline.databricks.compute import Accelerator, of_one_gpu
from training_pipeline.databricks.program import Places
from training_pipeline.databricks.run_request import Asked, RunOptions
from training_pipeline.databricks.upload import Uploads
from training_pipeline.databricks.workspace import Connection, Gone
from training_pipeline.domain.errors import BackendFailed, BackendUnreachable, FieldProblem
from training_pipeline.infra.files import replace_file

#: An evaluation that takes longer is stopped, queueing included.
TIMEOUT_SECONDS: Final = 24 * 3600
#: How a model of Unity Catalog is named.
REGISTERED: Final = "models:/"
_AGAIN: Final = "Evaluate the version again."
_ROLES: Final = ("base", "tuned", "champion")


class Evaluations:
    """What evaluations need of a workspace, but for the runs themselves. `directory` is where scores are kept here."""

    def __init__(
        self,
        connection: Connection,
        options: RunOptions,
        models: DatabricksModels,
        uploads: Uploads,
        directory: Path | None,
    ) -> None:
        self._connection, self._options, self._models = connection, options, models
        self._uploads, self._directory = uploads, directory

    def stage(self, order: EvaluationOrder, places: Places, lines: Callable[[], Iterable[str]]) -> dict[str, Any]:
        """Put everything where the run finds it, the questions last; what its program is told of it.

        The models are looked for before any text is read. Raises `BackendFailed` for one that is not there.
        """
        self._require_scores_place()
        base = self._base(order)
        models = [self._told(model, base, places) for model in order.models]
        content = "".join(f"{line}\n" for line in lines()).encode()
        digest = self._uploads.text_to_volume(content, places.questions(order.evaluation_id))
        return program.evaluation_instructions(
            order.evaluation_id,
            places,
            models=models,
            base_model=None if base is None else base.source,
            questions_sha256=digest,
            gpus=self._node(base).gpus,
        )

    def asked(self, order: EvaluationOrder, folder: str) -> Asked:
        """The run whose code lies in `folder`: on one GPU that holds the models, and no more nodes than one."""
        node = self._node(self._base(order))
        return Asked((order.evaluation_id, 1), folder, node.name, node.gpus, TIMEOUT_SECONDS)

    def forget(self, evaluation_id: str, places: Places) -> None:
        """Take the questions out of the volume. Idempotent."""
        self._uploads.remove(places.questions(evaluation_id))

    def scores(self, evaluation_id: str, places: Places) -> Mapping[str, ScoresFile]:
        """Fetch the scores of each model, by role, and keep them here, readable by their owner only.

        Raises `BackendFailed` where they are not what the program says that it measured. Idempotent.
        """
        self._require_scores_place()
        assert self._directory is not None  # noqa: S101 - it was just looked at
        folder = places.run(evaluation_id, 1)
        result = _result(self._uploads.read(f"{folder}/result.json"), folder)
        here = self._directory / f"{evaluation_id}-1" / "scores"
        here.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = {}
        for role, told in result.items():
            content = self._uploads.read(f"{folder}/scores/{role}.parquet")
            if content is None or hashlib.sha256(content).hexdigest() != told.get("sha256"):
                raise BackendFailed(
                    f"The scores in {folder}/scores/{role}.parquet are gone or not those that were measured.",
                    hint=_AGAIN,
                )
            _require_numbers(content, f"{folder}/scores/{role}.parquet")
            path = here / f"{role}.parquet"
            replace_file(path, content)
            found[role] = ScoresFile(path=path, sha256=told["sha256"], pairs=told["pairs"])
        return found

    def _require_scores_place(self) -> None:
        if self._directory is None:
            raise BackendFailed("This installation has no folder for the scores of evaluations.")

    def _base(self, order: EvaluationOrder) -> OfferedModel | None:
        """What the models were trained from, where it is on offer still."""
        found = None if order.base_model is None else self._models.choose(order.base_model)
        return None if isinstance(found, FieldProblem) else found

    def _node(self, base: OfferedModel | None) -> Accelerator:
        """Weights in 16 bits, and what answering takes; the built-in model is small."""
        if base is None or (base.parameters is None and not base.built_in):
            return of_one_gpu(None, self._options.accelerator)
        return of_one_gpu((base.parameters or 0) * 2 / 1e9 + ACTIVATION_GIGABYTES, self._options.accelerator)

    def _told(self, model: AskedModel, base: OfferedModel | None, places: Places) -> dict[str, Any]:
        """What the program is told of a model. Looks whether a registered one is there."""
        told = model.model_dump(mode="json")
        if model.role == "base":
            if base is None:
                raise BackendFailed(
                    f"{model.source}, which the version was trained from, is not on offer any more, so it cannot be "
                    "asked.",
                    hint="Put it back into TRAINING_PIPELINE_DATABRICKS_MODELS_FILE, or evaluate without it.",
                )
            told["source"] = base.source
            told["built_in"] = self._built_in(model.built_in, places) if base.built_in else {}
        elif model.source.startswith(REGISTERED):
            self._require_registered(model)
        return told

    def _require_registered(self, model: AskedModel) -> None:
        name, _, version = model.source.removeprefix(REGISTERED).rpartition("/")
        grant = f"Grant EXECUTE on {name}, and USE CATALOG and USE SCHEMA above it"
        try:
            with self._connection.calling(f"look at version {version} of {name}", grant=grant):
                found = self._connection.client().model_versions.get(name, int(version))
        except Gone as error:
            raise BackendFailed(
                f"Version {version} of {name} is not in Unity Catalog, so it cannot be asked: {error.message}",
                hint="Restore it, or evaluate another version.",
            ) from error
        if found.status is not None and found.status.value == "PENDING_REGISTRATION":
            raise BackendUnreachable(
                f"Version {version} of {name} is not ready yet.", hint="It is looked at again automatically."
            )

    def _built_in(self, made: Mapping[str, Any], places: Places) -> dict[str, Any]:
        """What the built-in model is made from, with the training split in the volume, where its training read it."""
        remote, path = places.dataset(made["dataset_digest"], "train.jsonl"), Path(made["train_file"])
        kept = {name: value for name, value in made.items() if name in {"max_length", "seed"}}
        if path.is_file():
            digest = self._uploads.to_volume(path, remote)
            if digest != made["train_sha256"]:
                raise BackendFailed(f"{path} is not the training split on record: something changed it.", hint=_AGAIN)
        return {**kept, "train": {"path": remote, "sha256": made["train_sha256"]}}


def _result(content: bytes | None, folder: str) -> dict[str, dict[str, Any]]:
    """What the program says of the scores, by role. Raises `BackendFailed` where it breaks its contract."""
    try:
        told = json.loads(content or b"{}")
        if told.get("status") != "succeeded" or "tuned" not in told["scores"] or set(told["scores"]) - set(_ROLES):
            raise ValueError
        return {
            role: {"sha256": str(one["sha256"]), "pairs": int(one["pairs"])} for role, one in told["scores"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BackendFailed(
            f"The run of the evaluation succeeded, but left no result in {folder}/result.json, or one that breaks its "
            "contract.",
            hint=_AGAIN,
        ) from None


def _require_numbers(content: bytes, remote: str) -> None:
    """Raise `BackendFailed` where the file has a column that scores do not have: it could be a text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from training_pipeline.sft.evaluation.scores_file import SCHEMA

    try:
        found = pq.read_schema(io.BytesIO(content))
    except (pa.ArrowException, OSError):
        found = None
    if found is None or any(
        name not in SCHEMA.names or found.field(name).type != SCHEMA.field(name).type for name in found.names
    ):
        raise BackendFailed(f"{remote} is not a file of scores.", hint=_AGAIN)
