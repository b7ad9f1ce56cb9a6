from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.domain.decisions import GENESIS, Decision, InForce, broken, decision_problems, hash_of, in_force


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


def told(decisions: list[Decision]) -> set[tuple[int, str]]:
    return {(one.number, one.hash) for one in decisions}


def test_an_untouched_chain_is_whole() -> None:
    for count in range(4):
        every = chain(count)
        assert broken(every, told(every), head=every[-1].hash if every else None) == []


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
    # Without its event, a hash that was noted shows it as well.
    assert broken(left, told(left), head=every[max(gone)].hash)


def test_a_chain_that_was_made_anew_shows_by_events_and_by_a_noted_hash() -> None:
    every = chain(3)
    other = [*chain(2)]
    fields = every[2].model_copy(update={"reason": "another"}).model_dump(mode="json")
    other.append(Decision.model_validate({**fields, "hash": hash_of(fields)}))
    assert broken(other, told(every)) == ["decision 3 was replaced: the event of its job names another hash"]
    noted = broken(other, told(other), head=every[2].hash)
    assert noted == [f"no decision has the hash {every[2].hash} that was noted earlier"]
    assert broken(other, told(other)) == [], "nothing else knows of it"


def test_a_decision_that_took_the_number_of_one_that_was_removed_shows() -> None:
    """Its own event is there, too: of the events for its number one names another hash."""
    every = chain(3)
    fields = every[1].model_copy(update={"reason": "another"}).model_dump(mode="json")
    other = [every[0], Decision.model_validate({**fields, "hash": hash_of(fields)})]
    found = broken(other, told(every) | told(other))
    assert found == [
        "another decision 2 was removed: an event records it",
        "decision 3 was removed: an event records it",
    ]


def test_a_decision_that_no_event_records_shows() -> None:
    every = chain(2)
    assert broken(every, told(every[:1])) == ["decision 2 was put in: no event records it"]


def test_what_is_wrong_with_a_decision_is_said_at_once() -> None:
    today = date(2026, 11, 23)
    found = decision_problems(" ", date(2026, 11, 22), "x" * 2001, today=today)
    assert [problem.pointer for problem in found] == ["/reason", "/due", "/evidence"]
    assert decision_problems("r", today, "x" * 2000, today=today) == []


START = datetime(2026, 11, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
#: Who decided what about which revocations, on which day.
MADE = st.lists(
    st.tuples(
        st.sampled_from(["ada", "Ada", "ADA", "grace"]),
        st.sampled_from(["withdraw", "accept_risk"]),
        st.sets(st.sampled_from(["rv-1", "rv-2"]), min_size=1),
        st.integers(0, 30),
    ),
    max_size=6,
)
Made = list[tuple[str, str, set[str], int]]


def newest_first(made: Made) -> list[Decision]:
    return [
        chain(1)[0].model_copy(
            update={
                "number": number,
                "actor": actor,
                "decision": decision,
                "revocation_ids": tuple(sorted(named)),
                "decided_at": (START + timedelta(days=day)).isoformat(timespec="microseconds"),
            }
        )
        for number, (actor, decision, named, day) in enumerate(sorted(made, key=lambda one: one[3]), start=1)
    ][::-1]


@given(MADE)
def test_it_holds_once_two_people_have_decided_the_same_in_time(made: Made) -> None:
    decisions = newest_first(made)
    found = in_force(decisions, approval=WEEK, now=START + timedelta(days=31))
    same = []  # an oracle that looks at every two of them
    for one in decisions:
        if one.decision != decisions[0].decision:
            break
        same.append(one)
    in_time = [
        {*one.revocation_ids} & {*other.revocation_ids}
        for one in same
        for other in same
        if one.actor.lower() < other.actor.lower()
        and abs(datetime.fromisoformat(one.decided_at) - datetime.fromisoformat(other.decided_at)) <= WEEK
    ]
    assert (found.holding is not None) == bool(in_time)
    if found.holding is not None:
        assert (found.holding.number, found.expired, found.waits) == (len(decisions), frozenset(), False)
        assert found.holding.revocation_ids == set().union(*in_time)


@given(MADE)
def test_one_person_never_decides_for_two_however_they_are_spelled(made: Made) -> None:
    alone = [one for one in made if one[0] != "grace"]
    assert in_force(newest_first(alone), approval=WEEK, now=START).holding is None
    assert (in_force(newest_first(alone), approval=None, now=START).holding is None) == (not alone)


def test_what_nobody_approves_in_time_is_void() -> None:
    first: Made = [("ada", "withdraw", {"rv-1"}, 0)]
    days = timedelta(days=1)

    def later(made: Made, day: float) -> InForce:
        return in_force(newest_first(made), approval=WEEK, now=START + day * days)

    assert later(first, 6.9) == InForce(waits=True)
    assert later(first, 7) == InForce(expired=frozenset({1}))
    second: Made = [*first, ("grace", "withdraw", {"rv-1"}, 8)]
    assert later(second, 9) == InForce(waits=True, expired=frozenset({1}))
    third: Made = [*second, ("ada", "withdraw", {"rv-1"}, 10)]
    held = later(third, 100)  # what holds goes on to hold
    assert held.holding is not None
    assert (held.holding.number, held.expired) == (3, frozenset())
