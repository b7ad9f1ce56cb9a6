from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.decisions import GENESIS, Decision, broken, decision_problems, hash_of


def chain(count: int) -> list[Decision]:
    made: list[Decision] = []
    for number in range(1, count + 1):
        fields: dict[str, Any] = {
            "number": number,
            "model_name": "triage",
            "model_version": str(number),
            "job_id": "tj-1",
            "decision": "retrain",
            "revocation_ids": ["rv-1"],
            "reason": f"Grund {number}: ä",
            "actor": "grace",
            "due": "2027-01-01" if number % 2 else None,
            "evidence": None,
            "decided_at": "2026-11-23T07:21:45.000000+00:00",
            "previous_hash": made[-1].hash if made else GENESIS,
        }
        made.append(Decision.model_validate({**fields, "hash": hash_of(fields)}))
    return made


def told(decisions: list[Decision]) -> dict[int, str]:
    return {one.number: one.hash for one in decisions}


def test_an_untouched_chain_is_whole() -> None:
    for count in range(4):
        every = chain(count)
        assert broken(every, told(every)) == []
        assert broken(every, {}, head=every[-1].hash if every else None) == [], "those of before had no events"


EDITS = st.sampled_from(
    [
        {"reason": "another"},
        {"actor": "eve"},
        {"decision": "accept_risk"},
        {"model_version": "9"},
        {"due": date(2030, 1, 1)},
        {"evidence": "none"},
        {"revocation_ids": ()},
        {"decided_at": "2020-01-01T00:00:00.000000+00:00"},
        {"previous_hash": "1" * 64},
    ]
)


@given(st.integers(1, 5), st.data(), EDITS, st.booleans())
def test_any_change_shows_also_one_whose_hash_was_made_anew(
    count: int, data: st.DataObject, edit: dict[str, Any], rehashed: bool
) -> None:
    every = chain(count)
    place = data.draw(st.integers(0, count - 1))
    changed = every[place].model_copy(update=edit)
    if rehashed:
        changed = changed.model_copy(update={"hash": hash_of(changed.model_dump(mode="json"))})
    assert broken([*every[:place], changed, *every[place + 1 :]], told(every))


@given(st.integers(1, 5), st.data())
def test_any_removal_shows_at_the_end_too(count: int, data: st.DataObject) -> None:
    every = chain(count)
    gone = data.draw(st.sets(st.sampled_from(range(count)), min_size=1))
    left = [one for place, one in enumerate(every) if place not in gone]
    assert broken(left, told(every))
    # Without events, a hash that was noted shows it as well.
    assert broken(left, {}, head=every[max(gone)].hash)


def test_a_chain_that_was_made_anew_shows_by_events_and_by_a_noted_hash() -> None:
    every = chain(3)
    other = [*chain(2)]
    fields = every[2].model_copy(update={"reason": "another"}).model_dump(mode="json")
    other.append(Decision.model_validate({**fields, "hash": hash_of(fields)}))
    assert broken(other, told(every)) == ["decision 3 was replaced: the event of its job names another hash"]
    assert broken(other, {}, head=every[2].hash) == [f"no decision has the hash {every[2].hash} that was noted earlier"]
    assert broken(other, {}) == [], "nothing else knows of it"


def test_what_is_wrong_with_a_decision_is_said_at_once() -> None:
    today = date(2026, 11, 23)
    found = decision_problems(" ", date(2026, 11, 22), "x" * 2001, today=today)
    assert [problem.pointer for problem in found] == ["/reason", "/due", "/evidence"]
    assert decision_problems("r", today, "x" * 2000, today=today) == []
