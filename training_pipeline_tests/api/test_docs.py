"""The commands of docs/api.md, executed by a shell against the app."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from pathlib import Path

import uvicorn

from training_pipeline.api.app import create_app
from training_pipeline.settings import Settings
from training_pipeline.training_jobs.services import Services
from training_pipeline_tests.api.life import API, prepared
from training_pipeline_tests.api.test_health import beat
from training_pipeline_tests.api.test_openapi import DOCUMENT
from training_pipeline_tests.polling import until

PAGE = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text()
#: Says the status of each command instead of its body.
CURL = 'curl() { command curl --silent --show-error --max-time 30 -o /dev/null -w "%{http_code}\\n" "$@"; }\n'


def test_the_commands_of_the_page_answer_what_it_says(settings: Settings, default_services: Services) -> None:
    services = default_services
    beat(services, 1)
    request = {"training_sheet_id": "sheet-123", "model_name": "test-model"}
    job, done = (services.jobs.create(request, created_by="ada").id for _ in range(2))
    prepared(services, done)
    script = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL))
    expected = re.findall(r"# → (\d+)", script)
    assert len(expected) == len(re.findall(r"^curl ", script, flags=re.MULTILINE)) > 15
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(create_app(settings, services), log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            shell = subprocess.run(
                ["bash", "-eu", "-c", CURL + script.replace("localhost:8000", address)],
                env={"JOB": job, "DONE": done, "PATH": "/usr/bin:/bin", "no_proxy": "*"},
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
        finally:
            server.should_exit = True
            thread.join(20)
    assert shell.stdout.split() == expected, shell.stderr


def test_the_page_shows_every_operation() -> None:
    shown = re.sub(r"\$(JOB|DONE)", "{job_id}", PAGE)
    missing = [
        path
        for path in DOCUMENT["paths"]
        if not re.search(re.escape(path).replace(r"\{training_sheet_id\}", r"[\w-]+") + r"(?!\w)", shown)
    ]
    assert missing == []
    assert API in PAGE
