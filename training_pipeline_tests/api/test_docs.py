"""The commands of docs/api.md, executed by a shell against the app."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import uvicorn

from training_pipeline.api.app import create_app
from training_pipeline.app.container import Services
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.revocations import Revoked
from training_pipeline.infra.database import Database
from training_pipeline.infra.files import sha256
from training_pipeline.models.versions import files
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import API, prepared
from training_pipeline.testing.jobs.jobs import new_job
from training_pipeline.testing.models.version_here import write_files
from training_pipeline.testing.polling import until
from training_pipeline.training_jobs.store import lineage
from training_pipeline_tests.api.routes.test_health import beat
from training_pipeline_tests.api.test_openapi import DOCUMENT

PAGE = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
#: How the paths in the document stand for those on the page.
IN_PATHS = {
    r"\{training_sheet_id\}": r"[\w-]+",
    r"\{name\}": r"[\w.-]+",
    r"\{version\}": r"\d+",
    r"\{evaluation_id\}": r"ev-[\w-]+",
    r"\{number\}": r"\d+",
    r"\{path\}": r"[\w./-]+",
}
TITLE = "## Roles"
#: Of curl the status is printed instead of the body; the command is ours, and prints what it is asked for.
COMMANDS = f"""
curl() {{ command curl --silent --show-error --max-time 30 -o /dev/null -w "%{{http_code}}\\n" "$@"; }}
training-pipeline() {{ {shlex.quote(sys.executable)} -c "from training_pipeline.cli.app import main; main()" "$@"; }}
"""


def scripts() -> tuple[str, str]:
    """The commands that need no token, and those of the part that tells of tokens."""
    before, _, rest = PAGE.partition(TITLE)
    part, _, after = rest.partition("\n## ")
    open_to_all, with_tokens = (
        "\n".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)) for text in (before + after, part)
    )
    return open_to_all, with_tokens


def run(script: str, settings: Settings, services: Services, **variables: str) -> None:
    """Run the commands against the app, and compare each status with what the page says."""
    expected = re.findall(r"# → (\d+)", script)
    assert len(expected) == len(re.findall(r"^curl ", script, flags=re.MULTILINE)) > 5
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(settings, services), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            shell = subprocess.run(
                ["bash", "-eu", "-c", COMMANDS + script.replace("localhost:8000", address)],
                env={"PATH": "/usr/bin:/bin", "no_proxy": "*", **variables},
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        finally:
            server.should_exit = True
            thread.join(20)
    assert re.findall(r"^\d{3}$", shell.stdout, flags=re.MULTILINE) == expected, shell.stdout + shell.stderr


def test_the_commands_of_the_page_answer_what_it_says(
    settings: Settings, default_services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = default_services
    beat(services, 1)
    request = {"training_sheet_id": "sheet-123", "model_name": "test-model"}
    job, done = (services.jobs.create(request, created_by="ada").id for _ in range(2))
    prepared(services, done)
    for status in (JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.SUCCEEDED):
        services.store.change(services.store.get(done), status, message="On its way.")
    folder = write_files(tmp_path / "model", {"config.json": b"{}"})
    lineage.set_model(services.store, done, version="1", files={"config.json": sha256(folder / "config.json")})
    monkeypatch.setattr(files, "place", lambda *_: files.Place(folder, str(folder)))
    revoked = Revoked(kind="label", value="label-none")
    revocation = services.revocations.revoke(revoked, reason="wrong", actor="grace").revocation.id
    run(scripts()[0], settings, services, JOB=job, DONE=done, REVOCATION=revocation)


def test_so_do_those_that_tell_of_tokens(settings: Settings, database: Database, default_services: Services) -> None:
    others = default_services.store.create(new_job(created_by="grace"), message="Created.").id
    variables = {
        "TRAINING_PIPELINE_STATE_DIR": str(settings.state_dir),
        "TRAINING_PIPELINE_DATABASE_URL": database.url("public"),
        "TRAINING_PIPELINE_AUTH": "token",
    }
    asking = settings.model_copy(update={"auth": "token"})
    run(scripts()[1], asking, default_services, JOB=others, **variables)


def test_the_page_shows_every_operation() -> None:
    shown = re.sub(r"\$(JOB|DONE)", "{job_id}", PAGE).replace("$REVOCATION", "{revocation_id}")
    missing = []
    for path in DOCUMENT["paths"]:
        pattern = re.escape(path).replace("other_", "")
        for name, example in IN_PATHS.items():
            pattern = pattern.replace(name, example)
        if not re.search(pattern + r"(?!\w)", shown):
            missing.append(path)
    assert missing == []
    assert API in PAGE
