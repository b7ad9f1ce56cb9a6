"""Suites by name, and the jobs behind a model that they are compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_pipeline.domain.errors import Conflict, InvalidRequest, NotFound
from training_pipeline.domain.lineage import BaseModelRecord, ModelOrigin
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.models.evaluation.ancestry import ancestry_of
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.testing.models.used_rows import job_with
from training_pipeline.testing.sheets.pairs import chat, open_sheet, pair
from training_pipeline.testing.sheets.sheets_in_memory import SheetsInMemory
from training_pipeline.training_jobs.store.jobs import JobStore
from training_pipeline_tests.datasets.test_prepare import prepare


def evaluable(number: int, question: int | None = None) -> dict[str, object]:
    asked = number if question is None else question
    return pair(number, allowed_uses=["evaluation"], messages=chat(f"Question {asked}?", f"Answer {number}."))


def test_a_suite_has_a_name_and_does_not_change(store: JobStore, tmp_path: Path) -> None:
    sheets = SheetsInMemory()
    sheets.put("one", [evaluable(number) for number in range(3)])
    suites = Suites(store, sheets, GatePolicy(), directory=tmp_path)
    with pytest.raises(NotFound, match="There is no suite 'first'"):
        suites.get("first")
    made = suites.create("first", ["one"], created_by="ada")
    assert (made.suite.pairs, made.created_by) == (3, "ada")
    assert suites.create("first", ["one"], created_by="eve") == made
    sheets.put("one", [evaluable(number) for number in range(4)])
    with pytest.raises(Conflict, match="it was made by ada and does not change"):
        suites.create("first", ["one"], created_by="eve")
    assert suites.create("another", ["one"], created_by="eve").suite.pairs == 4
    assert [each.name for each in suites.list()] == ["another", "first"]
    with pytest.raises(InvalidRequest) as refused:
        suites.create("Not a name", [], created_by="eve")
    assert [problem.pointer for problem in refused.value.problems] == ["/name", "/training_sheet_ids"]


def test_a_model_is_compared_with_all_that_it_comes_from(store: JobStore, tmp_path: Path) -> None:
    jobs: list[str] = []
    for name, first in (("grandparent", 0), ("parent", 100), ("own", 200)):
        dataset = prepare(open_sheet([pair(number) for number in range(first, first + 10)]), tmp_path / name)
        origins = tuple(
            ModelOrigin(job_id=job, model_name="m", model_version="1", base_model="b") for job in reversed(jobs)
        )
        base = BaseModelRecord(reference="b", ancestors=origins)
        jobs.append(job_with(store, None, "sheet-1", dataset, base_model=base).id)
    grandparent, parent, own = jobs
    sheets = SheetsInMemory()
    sheets.put("one", [evaluable(300), evaluable(301, 3), evaluable(302, 103), evaluable(303, 203)])
    suites = Suites(store, sheets, GatePolicy(), directory=tmp_path / "suites")
    suites.create("held-out", ["one"], created_by="ada")
    found = suites.check("held-out", own)
    assert (found.jobs, found.is_ancestry_known) == ((own, parent, grandparent), True)
    assert (found.asked, found.evaluated, found.refused) == (4, 1, {"same_question": 3})
    assert {each.job_id for each in found.pairs} == {own, parent, grandparent}
    assert suites.check("held-out", grandparent).refused == {"same_question": 1}


def test_what_a_base_model_has_seen_may_be_unknown(store: JobStore, tmp_path: Path) -> None:
    dataset = prepare(open_sheet([pair(number) for number in range(10)]), tmp_path)
    nobody = job_with(store, None, "sheet-1", dataset, base_model=BaseModelRecord(reference="b")).id
    assert not ancestry_of(store, nobody).is_known
    assert not ancestry_of(store, job_with(store, None, "sheet-1", dataset).id).is_known
    origin = ModelOrigin(job_id=nobody, model_name="m", base_model="b", base_recorded=False)
    child = job_with(store, None, "s", dataset, base_model=BaseModelRecord(reference="m", ancestors=(origin,)))
    found = ancestry_of(store, child.id)
    assert ([each.job_id for each in found.learned], found.is_known) == ([child.id, nobody], False)
    with pytest.raises(NotFound):
        ancestry_of(store, "tj-20261123-072145-9f3a2c")
