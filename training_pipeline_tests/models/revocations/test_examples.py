"""What people revoked is known by its example for ever: whatever becomes of the pair that was named."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from sqlalchemy import select

from training_pipeline.app.container import Services
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations.tables import revoked_examples
from training_pipeline.testing.jobs.job_life import succeeded
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet

NAMED = "p-0002"
PAIR = Revoked(kind="pair", value=NAMED, training_sheet_id="small")


def capitals(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**message, "content": message["content"].upper() + "\u200b"} for message in row["messages"]]


def reasons(job: TrainingJob) -> dict[str, str | None]:
    manifest = required(job.data.dataset, "dataset").manifest_file
    return dict(duckdb.execute("SELECT pair_id, reason FROM read_parquet(?)", [str(manifest)]).fetchall())


@pytest.mark.parametrize(
    ("became", "learned"),
    [("deleted", True), ("renamed", False), ("another text", True), ("a job between", False)],
    ids=["deleted", "renamed-and-never-trained-on", "another-text", "refused-by-a-job-and-renamed"],
)
def test_no_copy_is_trained_on_when_the_revoked_pair_is_gone(services: Services, became: str, learned: bool) -> None:
    made = rows(40)
    if learned:
        succeeded(services)
    if became == "a job between":  # in every sheet: the job is the first that looks at this one
        services.revocations.revoke(Revoked(kind="item", value=made[2]["item_ref"]), reason="r", actor="grace")
        succeeded(services)
    else:
        services.revocations.revoke(PAIR, reason="consent withdrawn", actor="grace")
    same, disguised = ({**made[2], "pair_id": f"p-900{number}", "item_ref": f"i-900{number}"} for number in (1, 2))
    disguised["messages"] = capitals(made[2])
    if became == "another text":
        made[2] = {**made[2], "messages": [made[2]["messages"][0], {"role": "assistant", "content": "Something else."}]}
    else:
        del made[2]
    write_sheet(services.settings.sheets, "small", [*made, *([same] if became != "deleted" else []), disguised])
    found = reasons(succeeded(services))
    assert found["p-9002"] == "revoked"
    assert found.get("p-9001", "revoked") == "revoked"
    assert sum(reason is None for reason in found.values()) >= 37


@pytest.mark.parametrize("trained", [True, False], ids=["trained-on-later", "in-the-sheet-alone"])
def test_who_learned_a_revoked_example_in_disguise_under_another_id_is_tainted(
    services: Services, trained: bool
) -> None:
    made = rows(40)
    named = made.pop(2)
    greeting = [{"role": "user", "content": "Hallo!"}, {"role": "assistant", "content": "Guten Tag."}]
    other = [named["messages"][0], {"role": "assistant", "content": "Something else."}]
    said = {"p-9001": capitals(named), "p-9002": [*greeting, *capitals(named)], "p-9003": other}
    others = [{**named, "pair_id": name, "item_ref": name, "messages": each} for name, each in said.items()]
    write_sheet(services.settings.sheets, "small", [*made, *others])
    older = succeeded(services)
    assert {reasons(older)[name] for name in said} == {None}
    write_sheet(services.settings.sheets, "small", [*made, named])
    newer = [succeeded(services)] if trained else []
    preview = services.revocations.preview(PAIR)
    recorded = services.revocations.revoke(PAIR, reason="consent withdrawn", actor="grace")
    taints = {taint.job_id: taint.train + taint.validation for taint in recorded.taints}
    assert taints == {older.id: 2, **{job.id: 1 for job in newer}}, "not for another answer to the same question"
    assert {taint.job_id for taint in preview.taints} == taints.keys()
    # A job that trains on it already, and registers its model later, is known by the row.
    assert services.revocations.held(older) == {recorded.revocation.id: 2}
    assert services.revocations.revoke(PAIR, reason="again", actor="grace").taints == recorded.taints


def test_hashes_are_under_the_key_of_the_sheet_and_kept_once(services: Services) -> None:
    succeeded(services)
    for _ in range(2):
        services.revocations.revoke(PAIR, reason="r", actor="grace")
    key = services.keys.of_sheet("small")
    assert key is not None
    with services.store.begin() as connection:
        stored = connection.execute(select(revoked_examples)).mappings().all()
    assert sorted(len(row["hash"]) for row in stored) == [32, 64]
    assert {row["hash_key"] for row in stored} == {key.id}


def test_a_sheet_that_cannot_be_read_keeps_nobody_from_revoking(services: Services) -> None:
    gone = Revoked(kind="pair", value=NAMED, training_sheet_id="gone")
    with pytest.raises(NotFound):
        services.source.get("gone")
    assert services.revocations.revoke(gone, reason="r", actor="grace").taints == ()
