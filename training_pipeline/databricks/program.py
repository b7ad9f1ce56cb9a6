"""What a job's run consists of at Databricks: where its files lie, the script of the task, and the program itself.

NOT ESTABLISHED, and relied on nowhere but in `SCRIPT` and here: that a worker sets `HYPERPARAMETERS_PATH` for a file
`hyperparameters.yaml` beside the script, and the variables of `secret_env_vars.json` beside it (the official command
line uploads both there), that it can read the folder of
the script below `/Workspace`, and that a volume is mounted below `/Volumes`. The script therefore looks for its files
in three places and says which, if they are in none.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training_pipeline.backends.submission import Submission
from training_pipeline.backends.trainer_contract import hyperparameters

#: Databricks takes no longer idempotency token.
TOKEN_LENGTH: Final = 64
#: The key of a run's one task.
TASK: Final = "fine_tuning"
_EVALUATION_TASK: Final = "evaluation"
#: The file from which the launcher takes secrets, as the official command line stages them (databricks/cli, `air run`).
SECRETS_FILE: Final = "secret_env_vars.json"
#: The variable from which Hugging Face's libraries take a token.
HF_TOKEN: Final = "HF_TOKEN"  # noqa: S105 - the name of a variable
_REQUIREMENTS: Final = Path(__file__).with_name("requirements.txt")
_ZIP_TIME: Final = (2000, 1, 1, 0, 0, 0)

SCRIPT: Final = """\
#!/bin/bash
# Unpacks the training program and starts it. It trains on one node: the others have nothing to do.
set -euo pipefail
if [ "${{NODE_RANK:-0}}" != "0" ]; then exit 0; fi
given="${{HYPERPARAMETERS_PATH:-/nonexistent/hyperparameters.yaml}}"
for folder in "$(dirname "$given")" "$(dirname "$0")" "{folder}"; do
  if [ -f "$folder/program.zip" ] && [ -f "$folder/hyperparameters.yaml" ]; then
    place="$(mktemp -d)"
    python -m zipfile -e "$folder/program.zip" "$place"
    exec python "$place/program" --worker "$folder/hyperparameters.yaml"
  fi
done
echo "program.zip and hyperparameters.yaml are neither beside $given nor beside $0 nor in {folder}." >&2
exit 2
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things lie: `volume` is a folder of a Unity Catalog volume, `workspace` one of the workspace's files."""

    volume: str
    workspace: str

    def dataset(self, digest: str, name: str) -> str:
        """A file of a dataset; the same for all jobs that train on it."""
        return f"{self.volume}/datasets/{digest}/{name}"

    def run(self, job_id: str, attempt: int) -> str:
        """The folder in which a run leaves its result; of an evaluation, its questions are in it before."""
        if is_evaluation(job_id):
            return f"{self.volume}/evaluations/{job_id}"
        return f"{self.volume}/runs/{job_id}-{attempt}"

    def questions(self, evaluation_id: str) -> str:
        """The text that an evaluation asks about."""
        return f"{self.run(evaluation_id, 1)}/questions.jsonl"

    def code(self, job_id: str, attempt: int) -> str:
        """The folder with the script, the program and what it is told."""
        return f"{self.workspace}/{job_id}-{attempt}"


def is_evaluation(run_id: str) -> bool:
    """Whether a run is known by the id of an evaluation, and not of a job."""
    return run_id.startswith("ev-")


def task(job_id: str) -> str:
    """The key of a run's one task."""
    return _EVALUATION_TASK if is_evaluation(job_id) else TASK


def run_name(job_id: str, attempt: int) -> str:
    """The name by which a submitted run is found again."""
    return f"training_pipeline {job_id} attempt {attempt}"


def mark(job_id: str, attempt: int) -> str:
    """What the description of a run's task says of the attempt, for submitted runs carry no tags."""
    what = "Evaluation" if is_evaluation(job_id) else "Fine-tuning"
    return f"{what} by training_pipeline: job={job_id} attempt={attempt}"


def idempotency_token(job_id: str, attempt: int) -> str:
    """Names the attempt to Databricks, which launches one run for it. It names the attempt, for a token that was used
    returns its old run for ever, also a failed one.
    """
    token = f"{job_id}-{attempt}"
    return token if len(token) <= TOKEN_LENGTH else hashlib.sha256(token.encode()).hexdigest()


def requirements() -> list[str]:
    """What pip installs on the worker, a line each."""
    lines = _REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def instructions(
    submission: Submission, places: Places, *, source: str, train_sha256: str, validation_sha256: str
) -> dict[str, Any]:
    """What the program on the worker is told, as JSON; `source` is where the base model's weights come from."""
    dataset = submission.dataset_digest
    files = {"train_file": ("train.jsonl", train_sha256), "validation_file": ("validation.jsonl", validation_sha256)}
    name = submission.register_as
    tags = {"training_pipeline.job_id": submission.job_id, "training_pipeline.dataset_digest": dataset}
    return {
        "schema": 1,
        "files": {
            key: {"path": places.dataset(dataset, file), "sha256": sha256} for key, (file, sha256) in files.items()
        },
        "result_dir": places.run(submission.job_id, submission.attempt),
        "register": {"name": name, "tags": tags} if name else None,
        "gpus": submission.config.accelerator_count,
        "config": {
            "schema": 1,
            "base_model": source,
            "base_model_revision": submission.base_model_revision,
            "model_name": submission.model_name,
            "manifest_file": places.dataset(dataset, "manifest.parquet") if submission.manifest_file else None,
            **hyperparameters(submission.config),
        },
    }


def evaluation_instructions(
    evaluation_id: str,
    places: Places,
    *,
    models: Sequence[Mapping[str, Any]],
    base_model: str | None,
    questions_sha256: str,
    gpus: int,
) -> dict[str, Any]:
    """What the program on the worker is told of an evaluation, as JSON; no text of a pair."""
    return {
        "schema": 1,
        "result_dir": places.run(evaluation_id, 1),
        "gpus": gpus,
        "evaluation": {
            "questions": {"path": places.questions(evaluation_id), "sha256": questions_sha256},
            "models": list(models),
            "base_model": base_model,
        },
    }


def code_files(
    program: Path, told: dict[str, Any], folder: str, *, secrets: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """The files of a run's code folder by name. Reads the program; the same input gives the same bytes.

    `secrets` names, for environment variables of the worker, the `scope/key` of the secret that they get: the launcher
    reads them from the file beside the script, and resolves them at the worker. No secret passes through us.
    """
    staged = []
    for name, secret in sorted((secrets or {}).items()):
        scope, _, key = secret.partition("/")
        staged.append({"name": name, "secret_scope": scope, "secret_key": key})
    return {
        "program.zip": packed(program),
        "hyperparameters.yaml": json.dumps(told, indent=1, sort_keys=True).encode(),  # JSON is YAML
        **({SECRETS_FILE: json.dumps(staged).encode()} if staged else {}),
        "command.sh": SCRIPT.format(folder=folder).encode(),
    }


def packed(program: Path) -> bytes:
    """A folder of Python files as a zip archive with the one folder `program` in it. Reproducible."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(program.rglob("*.py")):
            info = zipfile.ZipInfo(f"program/{path.relative_to(program).as_posix()}", _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())
    return buffer.getvalue()


def training_program() -> Path:
    """The folder of our training program, without importing it."""
    spec = importlib.util.find_spec("training_pipeline.sft")
    assert spec is not None  # noqa: S101 - a part of this package
    assert spec.submodule_search_locations  # noqa: S101
    return Path(next(iter(spec.submodule_search_locations)))
