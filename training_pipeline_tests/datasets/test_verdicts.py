from __future__ import annotations

from pathlib import Path

import pytest
from ibis.expr.operations import DatabaseTable

from training_pipeline.datasets.judged import judged, texts
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.testing.sheets.pairs import chat, open_sheet, pair
from training_pipeline.testing.sheets.sheet_files import HEAD, ROW, put_sheet

ROWS = [
    pair(1),
    pair(2, status="rejected"),
    pair(3, prohibited_uses=["training"], messages=chat("A secret?", "Yes.")),
    pair(4, messages=pair(1)["messages"]),
]


def test_every_pair_has_a_verdict_and_none_its_text() -> None:
    with verdicts(open_sheet(ROWS), GatePolicy()) as found:
        rows = {row["pair_id"]: row for row in found.to_pyarrow().to_pylist()}
    assert {pair_id: row["reason"] for pair_id, row in rows.items()} == {
        "p-000001": None,
        "p-000002": "rejected",
        "p-000003": "training_prohibited",
        "p-000004": "duplicate",
    }
    assert "messages" not in rows["p-000001"]
    assert "secret" not in str(rows)


def test_what_is_revoked_is_looked_up_once_however_often_verdicts_are_read() -> None:
    revoked = Withdrawn(named=(("pair", "p-000001"),))
    with verdicts(open_sheet(ROWS), GatePolicy(), withdrawn=revoked) as found:
        reasons = dict(found.select("pair_id", "reason").to_pandas().itertuples(index=False))
        assert isinstance(found.op(), DatabaseTable)
        here = found.get_backend()
    assert (reasons["p-000001"], reasons["p-000004"]) == ("revoked", "revoked")
    assert here.con.execute("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE 'rows_%'").fetchall() == []


def test_only_what_is_compared_with_other_pairs_is_hashed() -> None:
    with verdicts(open_sheet(ROWS), GatePolicy()) as found:
        hashes = {row["pair_id"]: row["row_hash"] for row in found.to_pyarrow().to_pylist()}
    assert hashes["p-000002"] is None
    assert hashes["p-000001"] == hashes["p-000004"] != hashes["p-000003"]


def test_tags_of_the_source_deny_every_pair() -> None:
    with judged(open_sheet(ROWS, tags=("PHI",)), GatePolicy()) as found:
        reasons = sorted(found.reason.to_pyarrow().to_pylist())
    assert reasons == ["rejected", *["training_prohibited"] * 3]


def test_texts_of_pairs_that_pass_can_be_read() -> None:
    with texts(open_sheet(ROWS), GatePolicy()) as found:
        read = {row["pair_id"]: row["messages"] for row in found.to_pyarrow().to_pylist()}
    assert [message["content"] for message in read["p-000001"]] == ["Question 1?", "Answer 1."]


@pytest.mark.parametrize("name", ["allowed_uses", "prohibited_uses", "data_classification"])
def test_a_null_denies_whatever_the_defaults_say(tmp_path: Path, name: str) -> None:
    stated = "{allowed_uses: [training, validation], prohibited_uses: [], data_classification: public}"
    left_out = {key: value for key, value in ROW.items() if key != name} | {"pair_id": "p2", "item_ref": "INV-2"}
    put_sheet(tmp_path, [ROW | {name: None}, left_out], head=f"{HEAD}defaults: {stated}\n")
    with FileTrainingSheets([tmp_path]).open("s") as opened, judged(opened, GatePolicy()) as found:
        assert found.reason.to_pyarrow().to_pylist() == ["training_not_allowed"] * 2
