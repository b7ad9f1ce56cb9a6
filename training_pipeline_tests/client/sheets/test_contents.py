from __future__ import annotations

from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.app.container import Services
from training_pipeline.client.local import LocalClient
from training_pipeline.client.sheets.contents import histogram
from training_pipeline.domain.access import Caller, Role
from training_pipeline.domain.advice.facts import TokenLengths
from training_pipeline.domain.errors import Forbidden, NotFound
from training_pipeline.sheets.files import source as files
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet


@pytest.fixture
def people(services: Services) -> tuple[LocalClient, LocalClient]:
    """A steward and a viewer of a sheet with a prohibited, a rejected and a revoked pair."""
    pairs = rows(20)
    pairs[3] |= {"prohibited_uses": ["training"], "usage_reason": "contains PHI"}
    pairs[4] |= {"status": "rejected"}
    write_sheet(services.settings.sheets, "told", pairs)
    steward = LocalClient(services, Caller("sam", Role.STEWARD))
    steward.revoke({"pair": "p-0005", "sheet": "told", "reason": "consent withdrawn"})
    return steward, LocalClient(services, Caller("vic", Role.VIEWER))


def test_who_may_read_and_find_what_a_pair_says(people: tuple[LocalClient, LocalClient], services: Services) -> None:
    steward, viewer = people
    for client in people:
        (said,) = client.pair_conversations("told", "p-0002").conversations
        assert [message.content for message in said.messages] == ["Which queue takes invoice 2?", "queue 2"]
        assert client.sheet_pairs("told", verdict="revoked").pairs[0].pair_id == "p-0005"
        with pytest.raises(NotFound, match="no pair 'p-99'"):
            client.pair_conversations("told", "p-99")
    for pair in ("p-0003", "p-0004", "p-0005"):
        assert steward.pair_conversations("told", pair).conversations
        with pytest.raises(Forbidden, match="only a steward") as refused:
            viewer.pair_conversations("told", pair)
        assert "queue" not in str(refused.value)
    assert steward.sheet_pairs("told", text="QUEUE 3").total == 3
    assert [pair.pair_id for pair in viewer.sheet_pairs("told", text="queue 3").pairs] == ["p-0010", "p-0017"]
    assert viewer.sheet_pairs("told", text="queue 3", verdict="training_prohibited").total == 0
    first = viewer.sheet_pairs("told", text="queue", page_size=10)
    rest = viewer.sheet_pairs("told", text="queue", page_size=10, cursor=first.next_cursor)
    assert (first.total, len(rest.pairs), rest.next_cursor) == (17, 7, None)
    write_sheet(services.settings.sheets, "told", rows(20), status="review")
    assert viewer.sheet_pairs("told", text="queue").total == 0
    assert steward.sheet_pairs("told", text="queue").total == 20
    with pytest.raises(Forbidden):
        viewer.pair_conversations("told", "p-0002")


def test_what_is_found_out_holds_no_text_and_is_found_out_once(
    people: tuple[LocalClient, LocalClient], services: Services
) -> None:
    _, viewer = people
    found = viewer.sheet_lengths("told", max_length=17)
    assert (found.base_model, found.is_estimate, found.pairs, found.eligible) == ("builtin:tiny", True, 17, 17)
    assert (sum(bar.pairs for bar in found.bins), found.longest) == (17, 17)
    assert viewer.sheet_lengths("told").max_length == 384
    assert viewer.sheet_lengths("told", max_length=16).cut == sum(bar.pairs for bar in found.bins if bar.least > 16)
    assert {one.reason: (one.pairs, one.added) for one in viewer.what_lifting_adds("told").reasons} == {
        "rejected": (1, 1),
        "training_prohibited": (1, 1),
    }
    of_steward = [one for one in viewer.what_lifting_adds("told").restrictions if one.by == "steward"]
    assert [(one.pairs, one.added) for one in of_steward] == [(1, 1)]
    assert viewer.near_duplicates("told").groups == 0
    assert viewer.training_sheet("told").export_summary.eligible == 17
    kept = sorted(services.settings.sheet_findings.iterdir())
    for file in kept:
        assert "queue" not in file.read_text()
    times = [file.stat().st_mtime_ns for file in kept]
    viewer.what_lifting_adds("told")
    viewer.near_duplicates("told")
    viewer.training_sheet("told")
    assert [file.stat().st_mtime_ns for file in sorted(services.settings.sheet_findings.iterdir())] == times


def test_pages_of_a_sheet_that_nobody_changed_do_not_read_its_pairs(
    people: tuple[LocalClient, LocalClient], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SETTLED_NS", -(10**15))  # no test waits until its file is old
    steward, viewer = people

    def everything() -> list[object]:
        return [
            viewer.training_sheet("told"),
            viewer.sheet_pairs("told"),
            viewer.sheet_lengths("told"),
            viewer.near_duplicates("told"),
            viewer.what_lifting_adds("told"),
            viewer.sheet_edits("told"),
        ]

    found = everything()

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the pairs are read")

    with monkeypatch.context() as patched:
        patched.setattr(FileTrainingSheets, "open", refuse)
        patched.setattr(files, "digest_of", refuse)
        assert everything() == found
    write_sheet(services.settings.sheets, "told", rows(9))
    assert viewer.training_sheet("told").export_summary.total == 9
    steward.revoke({"pair": "p-0006", "sheet": "told", "reason": "consent withdrawn"})
    assert viewer.training_sheet("told").export_summary.eligible == 9 - 2


@given(st.dictionaries(st.integers(0, 9000), st.integers(1, 50)))
def test_every_pair_is_in_the_bar_of_its_length(counts: dict[int, int]) -> None:
    found = histogram(TokenLengths(counts=counts))
    assert sum(bar.pairs for bar in found) == sum(counts.values())
    assert len(found) <= 21
    for bar in found:
        least = 0 if bar.least == 1 else bar.least
        assert bar.pairs == sum(pairs for length, pairs in counts.items() if least <= length <= bar.most)
