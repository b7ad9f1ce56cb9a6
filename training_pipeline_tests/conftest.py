"""One PostgreSQL a session, a migrated template in it, and a database of its own for every test that asks for one."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pydantic import SecretStr

from training_pipeline.infra.database import Database
from training_pipeline.infra.embedded_postgres import DATABASE, EmbeddedPostgres
from training_pipeline.infra.migrations import migrate
from training_pipeline.settings import Settings
from training_pipeline.settings.prefix import PREFIX
from training_pipeline.testing.databricks_workspace.mlflow import MlflowServer
from training_pipeline.testing.servers.postgres import cloned, copy_of, execute, reachable_directory, sweep, url_of
from training_pipeline.testing.settings_once import settings_with
from training_pipeline.testing.soak import SEED, SOAKING, TIMES, examples
from training_pipeline.testing.system.command_line import Command
from training_pipeline.testing.system.warm_python import WarmPython
from training_pipeline.training_jobs.store.jobs import JobStore

HERE = Path(__file__).parent

# A shell that starts the suite in the background has it ignore Ctrl-C. Dagster, run in a test, then gives SIGTERM the
# same handler, and every child of a later test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Models here are so small that more threads than one only wait for each other, and wait by spinning: where other tests
# run beside, five times as long. PyTorch reads it when it is imported, here and in every trainer that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Collecting imports the libraries of all tests: to look for garbage in them would take a third of the time.
gc.disable()

# How long an example takes says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=not SOAKING,
    max_examples=examples(100),
)
hypothesis.settings.load_profile("ours")

#: The files that take longest, in that order: a worker that took one of them last would be waited for by the others.
#: What waits for processes comes before what only computes, so that both go on at once. A test asks that all are there.
LONGEST = (
    "web/test_pages.py",
    "test_databricks_system.py",
    "databricks/test_evaluation.py",
    "test_databricks_evaluation_walk.py",
    "cli/system/test_supervise.py",
    "crashes/test_killed.py",
    "test_dagster_system.py",
    "api/test_life.py",
    "models/evaluation/test_evaluations.py",
    "web/test_quiet_pages.py",
    "sft/training/test_train.py",
    "sheets/unity_catalog/test_source.py",
    "client/test_base.py",
    "crashes/test_interrupted.py",
    "test_dagster_tour.py",
    "test_databricks_walk.py",
    "training_jobs/lifecycle/test_permission_watch.py",
    "cli/commands/test_jobs.py",
    "datasets/test_prepare.py",
    "defs/test_assets.py",
    "datasets/test_split.py",
    "api/test_schemathesis.py",
    "sft/test_program.py",
    "sft/evaluation/test_scoring.py",
    "models/promotion/test_promote.py",
    "training_jobs/lifecycle/test_predecessor.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have Hypothesis draw from our seed, unless it is given one of its own."""
    if SOAKING and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    """How to draw the same input again."""
    return f"made-up input: SOAK_TIMES={TIMES} SOAK_SEED={SEED}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The same where a test has failed, also where nothing is said at the start."""
    if terminalreporter.stats.keys() & {"failed", "error"}:
        terminalreporter.write_line(pytest_report_header())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what makes up its own input, leave Spark to whoever asks for it, and put the long files first."""
    if "spark" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("spark")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    for item in nightly:
        item.add_marker("soak")
    if not SOAKING:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]

    def place(item: pytest.Item) -> tuple[int, bool]:
        file = item.path.relative_to(HERE).as_posix()
        return LONGEST.index(file) if file in LONGEST else len(LONGEST), item.get_closest_marker("slow") is None

    for item in items:
        if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("soak")
    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among what was imported."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(scope="session")
def prepared() -> Iterator[EmbeddedPostgres]:
    """A stopped server whose database is migrated; what stands on a copy of its data starts in no time."""
    sweep()
    with reachable_directory() as directory:
        server = EmbeddedPostgres(directory / "postgres")
        server.start()
        for unsafe in ("fsync", "full_page_writes"):  # a power cut is not tested, a killed server is
            execute(server, f"ALTER SYSTEM SET {unsafe} = off")
        execute(server, "SELECT pg_reload_conf()")
        migrate(Database.at(url_of(server)))
        server.stop()
        yield server


@pytest.fixture
def state_dir(prepared: EmbeddedPostgres) -> Iterator[Path]:
    """A state directory with a PostgreSQL of its own, migrated and not started; it is stopped after the test."""
    with reachable_directory() as directory:
        (directory / "state").mkdir(mode=0o711)
        server = copy_of(prepared, directory / "state" / "postgres")
        yield directory / "state"
        server.stop()


@pytest.fixture(scope="session")
def postgres(prepared: EmbeddedPostgres) -> Iterator[EmbeddedPostgres]:
    """The session's server. Its own database is the template of the tests' databases: nobody writes to it."""
    with reachable_directory() as directory:
        server = copy_of(prepared, directory / "postgres")
        server.start()
        try:
            # The first connection leaves a cache of the catalog, which is copied to each database, too.
            Database.at(url_of(server)).check()
            yield server
        finally:
            server.stop()


@pytest.fixture
def empty_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A database of the test's own, without any schema of ours."""
    with cloned(postgres, "template0") as url:
        yield Database.at(url)


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[SecretStr]:
    """The URL of a migrated database of the test's own."""
    with cloned(postgres, DATABASE) as url:
        yield url


@pytest.fixture
def database(database_url: SecretStr) -> Database:
    """A migrated database of the test's own."""
    return Database.at(database_url)


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One MLflow for all Databricks workspaces of the session; it is started in the background."""
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def warm_python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmPython]:
    """What the session's servers and systems are forked off, unless a test is about how they start."""
    python = WarmPython(tmp_path_factory.mktemp("warm"))
    yield python
    python.close()


@pytest.fixture
def settings(database_url: SecretStr, tmp_path: Path) -> Settings:
    """Settings with a state directory of the test's own, and its own migrated database.

    Sheets here have few pairs: to share them out among threads takes a tenth of the time that it takes to judge them.
    """
    return settings_with(state_dir=tmp_path / "state", database_url=database_url)


@pytest.fixture
def store(database: Database) -> Iterator[JobStore]:
    engine = database.engine()
    yield JobStore(engine)
    engine.dispose()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Exit code, output and errors of `training-pipeline ARGUMENTS`."""
    from training_pipeline.cli.app import app, guarded  # here, so that other tests need not wait for it

    def run(*arguments: str) -> tuple[int, str, str]:
        code = guarded(lambda: app([*arguments], prog_name="training-pipeline"))
        shown = capsys.readouterr()
        return int(code or 0), shown.out, shown.err

    return run
