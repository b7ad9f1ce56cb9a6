"""An alias of a tainted version is told of, and moved back where that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from training_pipeline.domain.aliases import OnTaint, TaintedAlias
from training_pipeline.domain.errors import BackendDenied, BackendFailed, BackendUnreachable
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.revoke import Revocations
from training_pipeline.models.uses.index import UseIndex
from training_pipeline.models.versions import alias_watch
from training_pipeline.models.versions.alias_watch import AliasWatch, Watched
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.testing.models.used_rows import dataset_of, job_with, row
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline_tests.models.versions.test_aliases import Registry

Told = list[tuple[str, str, str, str | None]]


@pytest.fixture
def told() -> Told:
    return []


def watch(store: JobStore, registry: Registry, told: Told, on_taint: OnTaint = "alert") -> AliasWatch:
    def tell(connection: Connection, found: TaintedAlias, what: OnTaint, version: str | None) -> None:
        assert connection.in_transaction()
        told.append((found.alias, found.model_version, what, version))

    aliases = Aliases(store, cast("RunTracking", registry), seconds=5)
    return AliasWatch(store, aliases, tell, lambda _: on_taint, seconds=0.0)


@pytest.fixture
def tainted(store: JobStore, tmp_path: Path) -> str:
    """The id of the revocation that taints versions 2 and 3; version 1 is clean."""
    index, revocations = UseIndex(store), Revocations(store, lambda *_: None)
    letters = dataset_of(tmp_path, "letters", [row("x", "train"), row("y", "validation")])
    invoices = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "validation")])
    job_with(store, index, "letters", letters, version="1")
    for version in ("2", "3"):
        job_with(store, index, "invoices", invoices, version=version)
    made = revocations.revoke(Revoked(kind="item", value="item of p-1"), reason="r", actor="grace")
    return made.revocation.id


@pytest.mark.usefixtures("tainted")
def test_it_is_told_and_left_where_it_is(store: JobStore, told: Told) -> None:
    registry = Registry()
    one = watch(store, registry, told)
    assert one.look_due() == Watched()
    registry.named = {"triage": {"champion": "2", "next": "1", "odd": "9"}}
    assert one.look_due() == Watched(tainted=1)
    assert told == [("champion", "2", "alert", None)]
    assert registry.named["triage"]["champion"] == "2"


@pytest.mark.usefixtures("tainted")
def test_it_is_moved_back_to_the_last_clean_version_or_taken_away(store: JobStore, told: Told) -> None:
    registry = Registry()
    registry.named = {"triage": {"champion": "2", "next": "3"}}
    watch(store, registry, [], "alert").look_due()
    one = watch(store, registry, told, "demote")
    registry.fault = RuntimeError("down")
    found = one.look_due()
    assert (found.tainted, found.demoted) == (2, 0), "nobody knows what they name now"
    assert found.trouble is not None
    registry.fault = None
    told.clear()
    assert one.look_due() == Watched(tainted=2, demoted=2)
    assert told == [("champion", "2", "demote", None), ("next", "3", "demote", None)]
    assert registry.named == {"triage": {}}
    registry.named = {"triage": {"champion": "1"}}
    assert one.look_due() == Watched()
    registry.named = {"triage": {"champion": "3"}}
    assert one.look_due() == Watched(tainted=1, demoted=1)
    assert told[-1] == ("champion", "3", "demote", "1")
    assert registry.named == {"triage": {"champion": "1"}}
    assert one.look_due() == Watched()


def was_on_clean_ones(store: JobStore, registry: Registry, told: Told, folder: Path) -> AliasWatch:
    """Moves champion off tainted versions; it names version 2 now, and named 5 and 1 before, which are clean."""
    job_with(store, UseIndex(store), "letters", dataset_of(folder, "letters", [row("x", "train")]), version="5")
    one = watch(store, registry, told, "demote")
    for version in ("1", "5"):
        registry.named = {"triage": {"champion": version}}
        one.look_due()
    registry.named = {"triage": {"champion": "2"}}
    return one


@pytest.mark.usefixtures("tainted")
@pytest.mark.parametrize(
    "fault",
    [BackendUnreachable("503"), BackendDenied("no grant"), TimeoutError(), RuntimeError("the database")],
    ids=["an outage", "a missing grant", "no answer", "anything else"],
)
def test_a_fault_that_may_pass_leaves_it_where_it_is_until_it_has(
    store: JobStore, told: Told, tmp_path: Path, fault: Exception
) -> None:
    registry = Registry()
    one = was_on_clean_ones(store, registry, told, tmp_path)
    registry.refused = {"5": fault}
    for _ in range(2):
        found = one.look_due()
        assert (found.tainted, found.demoted, registry.named) == (1, 0, {"triage": {"champion": "2"}})
        assert found.trouble is not None
        assert told[-1] == ("champion", "2", "alert", None)
    registry.refused = {}
    assert one.look_due() == Watched(tainted=1, demoted=1)
    assert (registry.named, told[-1]) == ({"triage": {"champion": "5"}}, ("champion", "2", "demote", "5"))


@pytest.mark.usefixtures("tainted")
def test_an_alias_that_cannot_be_moved_keeps_no_other_where_it_is(
    store: JobStore, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry()
    registry.named = {"triage": {"champion": "2", "next": "3", "other": "2"}}
    one = watch(store, registry, told, "demote")
    move = registry.set_alias

    def refused(model_name: str, alias: str, version: str | None) -> None:
        if alias == "champion":
            raise BackendDenied("no grant")
        move(model_name, alias, version)

    registry.set_alias = refused  # type: ignore[method-assign]
    assert one.look_due() == Watched(3, 2, "The alias champion of triage could not be moved: no grant.")
    assert registry.named == {"triage": {"champion": "2"}}
    # Where that takes long, the others come first from then on.
    monkeypatch.setattr(alias_watch, "_MOVE_SECONDS", -1)
    registry.named = {"triage": {"champion": "2", "next": "3"}}
    assert one.look_due().demoted == 1
    assert registry.named == {"triage": {"champion": "2"}}


def test_a_model_of_which_the_registry_says_nothing_keeps_no_other_tainted(
    store: JobStore, told: Told, tmp_path: Path
) -> None:
    registry = Registry()
    dataset = dataset_of(tmp_path, "invoices", [row("p-1", "train"), row("p-2", "validation")])
    for name in ("a", "b"):
        job_with(store, UseIndex(store), "invoices", dataset, version="7", model_name=name)
    revoked = Revoked(kind="item", value="item of p-1")
    Revocations(store, lambda *_: None).revoke(revoked, reason="r", actor="grace")
    registry.named = {name: {"champion": "7"} for name in ("a", "b")}
    one = watch(store, registry, told, "alert")
    one.look_due()
    answer = registry.aliases

    def refused(model_name: str) -> dict[str, str]:
        if model_name == "a":
            raise BackendDenied("no grant")
        return answer(model_name)

    registry.aliases = refused  # type: ignore[method-assign]
    found = watch(store, registry, told, "demote").look_due()
    assert found == Watched(2, 1, "The registry could not be asked for the aliases of a: no grant.")
    assert registry.named == {"a": {"champion": "7"}, "b": {}}


@pytest.mark.usefixtures("tainted")
def test_somebody_who_moved_it_meanwhile_is_not_overruled_and_no_move_is_told(
    store: JobStore, told: Told, tmp_path: Path
) -> None:
    registry = Registry()
    one = was_on_clean_ones(store, registry, told, tmp_path)
    answer, asked = registry.aliases, 0

    def aliases(model_name: str) -> dict[str, str]:
        nonlocal asked
        asked += 1
        return answer(model_name) if asked == 1 else {"champion": "3"}

    registry.aliases = aliases  # type: ignore[method-assign]
    assert one.look_due() == Watched(tainted=1)
    assert (registry.named, told) == ({"triage": {"champion": "2"}}, [])


@pytest.mark.usefixtures("tainted")
@pytest.mark.parametrize(
    ("deleted", "refused", "named", "said"),
    [
        ({"5"}, set(), {"champion": "1"}, "1"),
        ({"5", "1"}, set(), {}, None),
        (set(), {"5"}, {"champion": "1"}, "1"),
        (set(), {"5", "1"}, {}, None),
    ],
    ids=["the last one is deleted", "both are deleted", "the last one is refused", "both are refused"],
)
def test_a_clean_version_that_does_not_take_it_keeps_it_on_no_tainted_one(
    store: JobStore, told: Told, tmp_path: Path, deleted: set[str], refused: set[str], named: object, said: str | None
) -> None:
    registry = Registry()
    one = was_on_clean_ones(store, registry, told, tmp_path)
    registry.deleted, registry.refused = deleted, dict.fromkeys(refused, BackendFailed("not this one"))
    assert one.look_due() == Watched(tainted=1, demoted=1)
    assert told[-1] == ("champion", "2", "demote", said)
    assert registry.named == {"triage": named}
    assert one.look_due() == Watched()


@pytest.mark.usefixtures("tainted")
def test_the_registry_is_asked_no_more_often_than_it_is_due(store: JobStore, told: Told) -> None:
    registry = Registry()
    asked: list[str] = []
    answer = registry.aliases

    def aliases(model_name: str) -> dict[str, str]:
        asked.append(model_name)
        return answer(model_name)

    registry.aliases = aliases  # type: ignore[method-assign]
    looked = Aliases(store, cast("RunTracking", registry))
    one = AliasWatch(store, looked, lambda *_: None, lambda _: "alert", seconds=60)
    for _ in range(3):
        one.look_due()
    assert asked == ["triage"]
