"""Aliases: what is remembered is what a registry said over time, and a registry that hangs holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from training_pipeline.domain.aliases import AliasMove
from training_pipeline.domain.errors import BackendDenied, BackendFailed
from training_pipeline.models.versions.aliases import Aliases, AliasUse
from training_pipeline.testing.soak import examples
from training_pipeline.tracking.mlflow import RunTracking
from training_pipeline.training_jobs.store.jobs import JobStore

START = datetime(2026, 11, 28, tzinfo=UTC)
STATES = st.dictionaries(st.sampled_from(["champion", "challenger", "next"]), st.sampled_from(["1", "2"]))


class Registry:
    """Says what it is told to say, once it may."""

    def __init__(self) -> None:
        self.named: dict[str, dict[str, str]] = {}
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.fault: Exception | None = None
        #: Versions that were deleted, and what is raised for those that take no alias.
        self.deleted: set[str] = set()
        self.refused: dict[str, Exception] = {}

    def has_version(self, model_name: str, version: str) -> bool:
        if self.fault is not None:
            raise self.fault
        return version not in self.deleted

    def set_alias(self, model_name: str, alias: str, version: str | None) -> None:
        if self.fault is not None:
            raise self.fault
        if version in self.deleted:
            raise BackendFailed(f"no version {version}")
        if version in self.refused:
            raise self.refused[version]
        named = self.named.setdefault(model_name, {})
        self.named[model_name] = {**named, alias: version} if version else {k: named[k] for k in named if k != alias}

    def aliases(self, model_name: str) -> dict[str, str]:
        self.may_answer.wait(30)
        if self.fault is not None:
            raise self.fault
        return self.named.get(model_name, {})


@pytest.fixture
def registry() -> Iterator[Registry]:
    found = Registry()
    yield found
    found.may_answer.set()


@pytest.fixture
def aliases(store: JobStore, registry: Registry) -> Aliases:
    return Aliases(store, cast("RunTracking", registry), seconds=0.2)


def look_at(time: datetime) -> int:
    """The number of the look that happened then."""
    return (time - START) // timedelta(hours=1)


def expected(states: list[dict[str, str]]) -> dict[str, set[tuple[str, int, int | None]]]:
    """By version: each alias with the numbers of the looks at which it was first there, and first not."""
    found: dict[str, set[tuple[str, int, int | None]]] = {"1": set(), "2": set()}
    open_: dict[str, tuple[str, int]] = {}
    for number, state in enumerate(states):
        for alias, (version, since) in list(open_.items()):
            if state.get(alias) != version:
                found[version].add((alias, since, number))
                del open_[alias]
        for alias, version in state.items():
            open_.setdefault(alias, (version, number))
    for alias, (version, since) in open_.items():
        found[version].add((alias, since, None))
    return found


@hypothesis.settings(max_examples=examples(15), suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(states=st.lists(STATES, max_size=6), late=st.data())
def test_the_history_is_that_of_the_registry_whatever_comes_late(
    states: list[dict[str, str]], late: st.DataObject, store: JobStore, aliases: Aliases
) -> None:
    with store.begin() as connection:
        connection.execute(text("TRUNCATE model_aliases, alias_looks"))
    for number, state in enumerate(states):
        aliases.remember("triage", state, asked_at=START + timedelta(hours=number))
        changes = [place for place in range(1, number + 1) if states[place] != states[place - 1]]
        if changes:  # somebody asked before the last change, and has the answer only now
            stale = late.draw(st.integers(0, changes[-1] - 1))
            aliases.remember("triage", states[stale], asked_at=START + timedelta(hours=stale))
    for version, uses in expected(states).items():
        found = aliases.history("triage", version)
        assert {(use.alias, look_at(use.since), use.until and look_at(use.until)) for use in found} == uses
        assert [use.until is None for use in found] == sorted((use.until is None for use in found), reverse=True)


def test_a_registry_that_hangs_or_fails_is_said_and_answers_late(aliases: Aliases, registry: Registry) -> None:
    def champion() -> list[AliasUse]:
        return [use for use in aliases.history("triage", "1") if use.alias == "champion"]

    registry.named = {"triage": {"champion": "1"}, "other": {}}
    registry.may_answer.clear()
    began = time.monotonic()
    assert aliases.look(["triage", "other"]) == "The registry did not answer within 0.2 seconds."
    assert time.monotonic() - began < 5
    assert champion() == []
    registry.may_answer.set()
    while not champion():  # the answer that came late was remembered
        time.sleep(0.01)
        assert time.monotonic() - began < 30
    registry.fault = RuntimeError("postgresql://user:secret@host")
    said = aliases.look(["triage"])
    assert said == "The registry could not be asked for the aliases of triage: RuntimeError."
    assert [use.until for use in champion()] == [None]


def test_a_model_that_the_registry_refuses_hides_no_other(
    aliases: Aliases, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.named = {name: {"champion": "1"} for name in ("a", "b", "c")}
    answer = registry.aliases

    def refused(model_name: str) -> dict[str, str]:
        if model_name == "a":
            raise BackendDenied("no grant")
        return answer(model_name)

    registry.aliases = refused  # type: ignore[method-assign]
    why = "The registry could not be asked for the aliases of a: no grant."
    assert aliases.unseen(["a", "b", "c"]) == {"a": why}
    assert [bool(aliases.history(name, "1")) for name in "abc"] == [False, True, True]
    monkeypatch.setattr("training_pipeline.models.versions.aliases._HUNG_SECONDS", -1)
    assert aliases.unseen(["a", "b", "c"]) == dict.fromkeys("abc", why), "a registry that is away is not asked for all"


def test_many_who_look_at_once_leave_one_history(aliases: Aliases, registry: Registry, store: JobStore) -> None:
    registry.named = {"triage": {"champion": "1"}}
    threads = [threading.Thread(target=aliases.look, args=(["triage"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.begin() as connection:
        rows: list[Any] = list(connection.execute(text("SELECT alias, model_version, until FROM model_aliases")))
    assert rows == [("champion", "1", None)]


def test_what_moves_behind_our_back_is_told_once_and_what_we_move_is_not(store: JobStore, registry: Registry) -> None:
    told: list[str] = []

    def moved(connection: Connection, moves: Sequence[AliasMove]) -> None:
        assert connection.in_transaction()
        told.extend(map(str, moves))

    aliases = Aliases(store, cast("RunTracking", registry), moved)
    aliases.look(["triage"])
    registry.named = {"triage": {"champion": "1"}, "other": {"champion": "1"}}
    for _ in range(2):
        assert aliases.look(["triage", "other"]) is None
    assert told == ["champion of triage was set to version 1"], "nothing at the first look at a model"
    told.clear()
    # Moved by us, and at the same time another one by somebody else.
    registry.named["triage"] = {"champion": "1", "next": "2"}
    assert aliases.move("triage", "champion", "3", expected="1")
    aliases.look(["triage"])
    assert (registry.named["triage"]["champion"], told) == ("3", ["next of triage was set to version 2"])
    told.clear()
    registry.named["triage"] = {"champion": "4"}
    assert not aliases.move("triage", "champion", "1", expected="3"), "somebody was quicker"
    assert registry.named["triage"] == {"champion": "4"}
    assert told == ["champion of triage was moved from version 3 to 4", "next of triage was taken from version 2"]
    told.clear()
    assert aliases.move("triage", "champion", None, expected="4")
    aliases.look(["triage"])
    assert (registry.named["triage"], told) == ({}, [])
    registry.fault = RuntimeError("down")
    with pytest.raises(RuntimeError):
        aliases.move("triage", "champion", "1", expected="4")
