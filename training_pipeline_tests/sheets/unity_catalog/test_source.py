"""Training sheets in tables: the same verdicts, counts and bytes as from files, and no text that did not pass."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from training_pipeline.datasets.compare import recheck
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.labels import labels_of
from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.snapshot import included_rows, snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.summary import export_summary
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.datasets.verify import Finding, gate_failures, held_out_in_train
from training_pipeline.domain.errors import (
    GovernanceChanged,
    NotFound,
    PipelineError,
    SheetChanged,
    SheetUnreadable,
)
from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA
from training_pipeline.domain.revocations import Withdrawn
from training_pipeline.domain.rules.policy import GatePolicy, Reason
from training_pipeline.domain.training_sheet import TrainingSheet
from training_pipeline.sheets.unity_catalog.source import _digest
from training_pipeline.sheets.unity_catalog.version import PairsVersion
from training_pipeline.testing.databricks.sheet_tables import (
    PAIRS,
    SHEETS,
    SOURCE,
    as_read,
    head,
    put_heads,
    put_pairs,
    source,
    spiced_pairs,
    without_texts,
)
from training_pipeline.testing.databricks_workspace.app import serve
from training_pipeline.testing.databricks_workspace.catalog import tags
from training_pipeline.testing.databricks_workspace.faults import FaultKind
from training_pipeline.testing.databricks_workspace.sql import warehouses
from training_pipeline.testing.databricks_workspace.state import Workspace
from training_pipeline.testing.databricks_workspace.tables import tables
from training_pipeline.testing.oracles import oracle
from training_pipeline.testing.sheets.pairs import Row, arrow, chat, open_sheet, pair
from training_pipeline.testing.sheets.texts import NO_CALLS
from training_pipeline.testing.soak import SEED, drawn, examples

POLICY = GatePolicy(instruction_prompt_items=3)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with serve(tmp_path_factory.mktemp("workspace")) as workspace:
        warehouses(workspace).chunk_rows = 25
        yield workspace


@pytest.fixture
def workspace(served: Workspace) -> Workspace:
    served.faults.clear()
    served.denied.clear()
    tags(served).assigned.clear()
    put_heads(served, [head()])
    return served


def mixed() -> list[Row]:
    rows = [pair(number, reviewed_at="2026-11-01", constraints_set_by="steward") for number in range(60)]
    rows += [
        pair(number, status="rejected", messages=chat("Rejected?", f"Secret {number}.")) for number in range(60, 66)
    ]
    rows.append(pair(66, prohibited_uses=["training"], usage_reason="PHI", messages=chat("PHI?", "Secret.")))
    rows.append(pair(67, canonical_label_id="label-1", label_prohibited_uses=["training"]))
    return rows


@seed(SEED)
@settings(deadline=None, max_examples=examples(2, gate=1), suppress_health_check=list(HealthCheck))
@given(
    sheets=st.lists(st.lists(spiced_pairs, min_size=5, max_size=25), min_size=2, max_size=2),
    tagged=st.sampled_from([{}, {"PHI": ""}, {"sensitivity": "confidential"}]),
)
def test_a_table_is_judged_like_a_file(workspace: Workspace, sheets: list[list[Row]], tagged: dict[str, str]) -> None:
    tags(workspace).assigned.clear()
    tags(workspace).assign(PAIRS, **tagged)
    put_heads(workspace, [head(f"sheet-{number}") for number in range(len(sheets))])
    rows = [row | {"sheet": f"sheet-{number}"} for number, pairs in enumerate(sheets) for row in pairs]
    put_pairs(workspace, rows, [row["sheet"] for row in rows])
    words = [*tagged, *(["confidential"] if "sensitivity" in tagged else [])]
    tables_ = source(workspace)
    for number, written in enumerate(sheets):
        pairs = [as_read(row) for row in written]
        kept = open_sheet(pairs, tags=tuple(words))
        with tables_.open(f"sheet-{number}") as opened:
            with verdicts(opened, POLICY) as there, verdicts(kept, POLICY) as here:
                columns = [*SNAPSHOT_SCHEMA.names, "prohibited", "held_out", "usage_reason"]
                found, expected = (
                    Counter(map(json.dumps, table.select(*columns).to_pyarrow().to_pylist())) for table in (there, here)
                )
            assert found == expected, (list(found - expected)[:2], list(expected - found)[:2])
            assert export_summary(opened, POLICY) == without_texts(export_summary(kept, POLICY))
            left_out = Withdrawn(named=tuple(("item", row["item_ref"]) for row in pairs[:1] if row["item_ref"]))
            both = (without_texts(export_summary(one, POLICY, withdrawn=left_out)) for one in (opened, kept))
            assert next(both) == next(both)
            judged = oracle.judge(pairs, words, POLICY.instruction_prompt_items)
            passed = Counter(row["pair_id"] for row, (reason, _) in zip(pairs, judged, strict=True) if reason is None)
            with texts(opened, POLICY) as left:
                assert Counter(left.to_pyarrow()["pair_id"].to_pylist()) == passed


@pytest.mark.soak
@pytest.mark.parametrize("messages", drawn(["json", "array", "variant"]))
def test_a_table_makes_the_same_dataset_as_a_file(workspace: Workspace, tmp_path: Path, messages: str) -> None:
    put_pairs(workspace, mixed(), messages=messages)
    digests = []
    with source(workspace).open("sheet-1") as opened:
        for sheet in (opened, open_sheet(mixed())):
            taken = snapshot(sheet, POLICY, directory=tmp_path / "snapshots")
            plan = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2)
            digests.append((taken.digest, write_dataset(sheet, taken, plan, root=tmp_path / "datasets").digest))
        assert labels_of(opened) == labels_of(open_sheet(mixed()))
        assert preview(opened, POLICY, 3) == preview(open_sheet(mixed()), POLICY, 3)
        left_out = Withdrawn(named=(("pair", included_rows(taken, ["pair_id"])["pair_id"][0].as_py()),))
        again = [
            snapshot(sheet, POLICY, directory=tmp_path / "snapshots", withdrawn=left_out)
            for sheet in (opened, open_sheet(mixed()))
        ]
        assert again[0].digest == again[1].digest != taken.digest
        shown = preview(opened, POLICY, 3, withdrawn=left_out)
        assert shown == preview(open_sheet(mixed()), POLICY, 3, withdrawn=left_out) != preview(opened, POLICY, 3)
    assert digests[0] == digests[1]
    assert b"Secret" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_no_text_leaves_the_warehouse_but_that_of_pairs_that_passed(workspace: Workspace, tmp_path: Path) -> None:
    put_pairs(workspace, mixed())
    before = set(warehouses(workspace).statements)
    with source(workspace).open("sheet-1") as opened:
        taken = snapshot(opened, POLICY, directory=tmp_path)
        write_dataset(opened, taken, split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2), root=tmp_path)
        export_summary(opened, POLICY)
        preview(opened, POLICY, 5)
        labels_of(opened)
    sent = [item for key, item in warehouses(workspace).statements.items() if key not in before]
    results = "".join(str(statement.result.to_pydict()) for statement in sent if statement.result is not None)
    assert "Answer 59." in results
    assert "Secret" not in results


def test_the_digest_follows_what_is_judged_and_nothing_else(workspace: Workspace) -> None:
    rows = mixed()

    def digest() -> str:
        with source(workspace).open("sheet-1") as opened:
            return opened.digest

    put_pairs(workspace, rows)
    first = digest()
    put_pairs(workspace, rows[::-1])
    assert digest() == first, "the order of the rows is no change"
    put_pairs(workspace, [*rows, pair(1)], ["sheet-1"] * len(rows) + ["sheet-2"])
    assert digest() == first, "another sheet's pairs are none either"
    seen = {first}
    for changed in ({"status": "flagged"}, {"messages": chat("Question 3?", "Another.")}, {"reviewed_by": "eve"}):
        put_pairs(workspace, [*rows[:3], pair(3, **changed), *rows[4:]])
        assert digest() not in seen
        seen.add(digest())
    put_pairs(workspace, rows)
    tags(workspace).assign(PAIRS, PII="")
    assert digest() not in seen
    tags(workspace).assigned.clear()
    put_heads(workspace, [head(status="exported")])
    assert digest() not in seen


def test_a_reading_sees_one_version(workspace: Workspace, tmp_path: Path) -> None:
    put_pairs(workspace, mixed())
    with source(workspace).open("sheet-1") as opened:
        before = snapshot(opened, POLICY, directory=tmp_path)
        put_pairs(workspace, [pair(1)])
        assert snapshot(opened, POLICY, directory=tmp_path).digest == before.digest
    with source(workspace).open("sheet-1") as opened:
        assert export_summary(opened, POLICY).total == 1


def test_a_view_that_changes_while_it_is_read_is_told_of(workspace: Workspace) -> None:
    put_pairs(workspace, mixed())
    tables(workspace).by_name[PAIRS].table_type = "VIEW"
    try:
        with source(workspace).open("sheet-1") as opened:
            assert export_summary(opened, POLICY).total == 68
        with pytest.raises(SheetChanged, match="changed while it was read"):  # noqa: PT012, SIM117 - at the end of the block
            with source(workspace).open("sheet-1") as opened:
                put_pairs(workspace, [pair(1)])
                export_summary(opened, POLICY)
    finally:
        tables(workspace).by_name[PAIRS].table_type = "MANAGED"


def test_right_before_submit_the_table_is_asked_again(workspace: Workspace, tmp_path: Path) -> None:
    rows = mixed()
    put_pairs(workspace, rows)
    sheets = source(workspace)
    with sheets.open("sheet-1") as opened:
        taken = snapshot(opened, POLICY, directory=tmp_path)
        made = write_dataset(
            opened, taken, split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2), root=tmp_path
        )
    executed = len(warehouses(workspace).statements)
    with sheets.open("sheet-1") as opened:
        recheck(opened, made, POLICY).require_unchanged("sheet-1")
    assert len(warehouses(workspace).statements) - executed == 2, "the head and the version: nothing was judged again"
    put_pairs(workspace, [pair(0, prohibited_uses=["training"]), *rows[1:]])
    with sheets.open("sheet-1") as opened, pytest.raises(GovernanceChanged, match="1 training_prohibited"):
        recheck(opened, made, POLICY).require_unchanged("sheet-1")
    put_pairs(workspace, rows)
    tags(workspace).assign(PAIRS, PHI="")
    with sheets.open("sheet-1") as opened, pytest.raises(GovernanceChanged, match="60 training_prohibited"):
        recheck(opened, made, POLICY).require_unchanged("sheet-1")


def test_a_dataset_of_a_table_is_looked_at_once_more(workspace: Workspace, tmp_path: Path) -> None:
    put_heads(workspace, [head()])
    put_pairs(workspace, mixed())
    with source(workspace).open("sheet-1") as opened:
        taken = snapshot(opened, POLICY, directory=tmp_path)
        included = taken.summary.eligible
        assert gate_failures(opened, taken) == Finding(checked=included, broken=0)
        assert held_out_in_train(opened, taken) == Finding(checked=included, broken=0)
    rows = mixed()[1:]
    rows[0]["prohibited_uses"] = None
    held_out = pair(99, messages=rows[2]["messages"], allowed_uses=["testing"])
    put_pairs(workspace, [*rows, held_out])
    with source(workspace).open("sheet-1") as opened:
        shut = gate_failures(opened, taken)
        assert (shut.broken, shut.pair_ids) == (2, (pair(0)["pair_id"], rows[0]["pair_id"]))
        leaked = held_out_in_train(opened, taken)
        assert (leaked.broken, leaked.pair_ids) == (1, (rows[2]["pair_id"],))


def test_a_pair_that_stops_passing_while_the_dataset_is_written_is_not_written(
    workspace: Workspace, tmp_path: Path
) -> None:
    put_pairs(workspace, mixed())
    with source(workspace).open("sheet-1") as opened:
        taken = snapshot(opened, POLICY, directory=tmp_path)
        plan = split_snapshot(opened, taken, ratio=0.8, seed="s", min_pairs=2)
    put_pairs(workspace, [pair(0, status="flagged"), *mixed()[1:]])
    with source(workspace).open("sheet-1") as opened, pytest.raises(SheetChanged, match="1 are gone"):
        write_dataset(opened, taken, plan, root=tmp_path / "datasets")
    assert not list((tmp_path / "datasets").iterdir())


def test_tags_of_the_source_table_narrow_and_page_by_page(workspace: Workspace) -> None:
    put_heads(workspace, [head(source_table=SOURCE)])
    put_pairs(workspace, mixed())
    tables(workspace).put(SOURCE, pa.table({"x": [1]}))
    tags(workspace).assign(SOURCE, team="billing", cost_center="7", note="x", sensitivity="internal;PHI")
    with source(workspace).open("sheet-1") as opened:
        assert {"team", "PHI", "sensitivity"} <= set(opened.sheet.tags)
        summary = export_summary(opened, POLICY)
    assert (summary.eligible, summary.training_prohibited) == (0, 62)
    assert any(reason.usage_reason == "source table is tagged PHI" for reason in summary.reasons)


@pytest.mark.parametrize(
    ("table", "column", "narrows"),
    [
        (SOURCE, "patient", True),
        (PAIRS, "messages", True),
        (PAIRS, "reviewed_by", False),
        (PAIRS, "item_ref", False),
    ],
)
def test_tags_of_columns_narrow_like_those_of_tables(
    workspace: Workspace, table: str, column: str, narrows: bool
) -> None:
    put_heads(workspace, [head(source_table=SOURCE)])
    put_pairs(workspace, [pair(number, reviewed_by="a") for number in range(20)])
    tables(workspace).put(SOURCE, pa.table({f"c{number}": [1] for number in range(12)} | {"patient": ["x"]}))
    tags(workspace).assign(table, column=column, class_name="x", sensitivity="PII")
    with source(workspace).open("sheet-1") as opened:
        assert ("PII" in opened.sheet.tags) is narrows
        assert (export_summary(opened, POLICY).eligible == 0) is narrows
    assert ("PII" in source(workspace).get("sheet-1").tags) is narrows


def test_tags_of_columns_that_cannot_be_read_stop_everything(workspace: Workspace) -> None:
    put_heads(workspace, [head(source_table=SOURCE)])
    put_pairs(workspace, mixed())
    tables(workspace).put(SOURCE, pa.table({"x": [1]}))
    workspace.faults.arm("tags-list", FaultKind.FORBIDDEN, skip=1)
    with pytest.raises(PipelineError, match=r"read the tags of column main\.raw\.invoices\.x"):
        source(workspace).get("sheet-1")


def test_a_source_table_whose_tags_cannot_be_read_stops_everything(workspace: Workspace) -> None:
    put_heads(workspace, [head(source_table="main.raw.gone")])
    put_pairs(workspace, mixed())
    with (
        pytest.raises(PipelineError, match=r"read the tags of table main\.raw\.gone"),
        source(workspace).open("sheet-1"),
    ):
        pass


def test_a_head_names_the_suite_of_its_models(workspace: Workspace) -> None:
    judged = head(evaluate_on="triage-2026-11", evaluate_judge="house")
    put_heads(workspace, [judged, head("sheet-2", evaluate_on=None, evaluate_judge=None)])
    put_pairs(workspace, mixed())
    found = [(each.evaluate_on, each.evaluate_judge) for each in source(workspace).list()]
    assert found == [("triage-2026-11", "house"), ("", "")]


def test_a_sheet_without_a_judge_is_the_version_that_it_was() -> None:
    reference = {"id": "a", "name": "", "version": ""}
    before = {
        **{"id": "s", "name": "S", "status": "approved", "source_sheet": reference, "prompt_template": reference},
        **{"tags": [], "description": "", "owner": "", "created_at": None, "metadata": {}, "evaluate_on": "suite"},
    }
    said = f"{json.dumps(before, sort_keys=True)}\n3\nabc\n".encode()
    versions = {
        judge: _digest(TrainingSheet.model_validate({**before, "evaluate_judge": judge}), PairsVersion(3, "abc"))
        for judge in ("", "house")
    }
    assert versions[""] == hashlib.sha256(said).hexdigest() != versions["house"]


def test_heads_state_defaults_for_pairs_that_say_nothing(workspace: Workspace) -> None:
    stated: dict[str, Any] = {
        "default_allowed_uses": ["training", "validation"],
        "default_prohibited_uses": [],
        "default_data_classification": "internal",
    }
    put_heads(workspace, [head(**stated), head("sheet-2")])
    silent = [pair(n, allowed_uses=None, prohibited_uses=None, data_classification=None) for n in range(20)]
    put_pairs(workspace, [*silent, *silent], ["sheet-1"] * 20 + ["sheet-2"] * 20)
    with source(workspace).open("sheet-1") as opened:  # a null in a column that is there denies
        assert export_summary(opened, POLICY).eligible == 0
    with source(workspace).open("sheet-2") as opened:
        assert export_summary(opened, POLICY).eligible == 0
    without = arrow(silent).drop_columns([name.removeprefix("default_") for name in stated])
    without = without.append_column("training_sheet_id", pa.array(["sheet-1"] * len(silent)))
    tables(workspace).put(PAIRS, without)
    with source(workspace).open("sheet-1") as opened:
        assert export_summary(opened, POLICY).eligible == 20


def test_columns_may_be_called_otherwise(workspace: Workspace) -> None:
    rows = mixed()
    table = pa.table(
        {
            "id": [row["pair_id"] for row in rows],
            "sheet": ["sheet-1"] * len(rows),
            "ref`s": [row["item_ref"] for row in rows],
            "review_status": ["approved" if row["status"] == "labeled" else row["status"] for row in rows],
            "question": [row["messages"][0]["content"] for row in rows],
            "answer": [row["messages"][1]["content"] for row in rows],
            "allowed_uses": [row["allowed_uses"] for row in rows],
            "prohibited_uses": [json.dumps(row["prohibited_uses"]) for row in rows],
            "data_classification": [row["data_classification"] for row in rows],
            "reviewed_at": pa.array([1_790_000_000_123_000] * len(rows), pa.timestamp("us", "UTC")),
        }
    )
    tables(workspace).put(PAIRS, table)
    chosen = {"training_sheet_id": "sheet", "item_ref": "ref`s"}
    with source(workspace, pair_columns=chosen).open("sheet-1") as opened, verdicts(opened, POLICY) as judged:
        found = judged.to_pyarrow().to_pylist()
    assert Counter(row["reason"] for row in found) == {None: 61, "rejected": 6, "training_prohibited": 1}
    assert {row["reviewed_at"] for row in found} == {"2026-09-21T14:13:20.123Z"}


@pytest.mark.parametrize(
    ("columns", "chosen", "said"),
    [
        ({"status": None}, {}, "status: is missing; every pair needs it"),
        ({"allowed_uses": None}, {}, "allowed_uses: is missing; without it nothing may be trained on"),
        ({"review_status": ["approved"]}, {}, "status: cannot be combined with review_status"),
        ({"messages": [1]}, {}, "messages: is BIGINT; expected an array of structs"),
        ({"pair_id": [["x"]]}, {}, "pair_id: is ARRAY<STRING>; expected text"),
        ({}, {"status": "verdict"}, "verdict: is missing, and TRAINING_PIPELINE_UC_PAIR_COLUMNS names it for status"),
        ({}, {"state": "status"}, "state: is nothing that TRAINING_PIPELINE_UC_PAIR_COLUMNS can name a column for"),
    ],
)
def test_columns_that_do_not_fit_are_named(
    workspace: Workspace, columns: dict[str, Any], chosen: dict[str, str], said: str
) -> None:
    row = {
        "pair_id": "p",
        "training_sheet_id": "sheet-1",
        "item_ref": "i",
        "status": "labeled",
        "allowed_uses": ["training"],
    }
    given = {name: [value] for name, value in {**row, "messages": chat("Q", "A")}.items()} | columns
    tables(workspace).put(PAIRS, pa.table({name: value for name, value in given.items() if value is not None}))
    with pytest.raises(SheetUnreadable) as raised, source(workspace, pair_columns=chosen).open("sheet-1"):
        pass
    assert said in str(raised.value)


def test_messages_in_json_mean_what_they_mean_in_a_file(workspace: Workspace) -> None:
    """What is no list of objects is no chat; a content that is no text is none; a weight that is no number is none."""
    answer = {"role": "assistant", "content": "A"}
    written = {
        "fine": [{"role": "user", "content": "Q"}, answer],
        "called": [
            {"role": "user", "content": "Q2"},
            {"role": "assistant", "tool_calls": [{"function": {"name": "a"}, "b": [True, None]}]},
        ],
        "called in text": [
            {"role": "user", "content": "Q3"},
            {"role": "assistant", "content": "", "tool_calls": '[{"function":{"name":"a"}}]'},
        ],
        "called nothing": [{"role": "user", "content": "Q4"}, {"role": "assistant", "tool_calls": []}],
        "called nothing, and answered": [{"role": "user", "content": "Q8"}, {**answer, "tool_calls": []}],
        "called null": [{"role": "user", "content": "Q9"}, {**answer, "tool_calls": None}],
        **{
            f"called {calls!r}": [{"role": "user", "content": f"Q{calls}"}, {**answer, "tool_calls": calls}]
            for calls in NO_CALLS
        },
        "weighed": [{"role": "user", "content": "Q5"}, {**answer, "weight": 1}],
        "weighed wrong": [{"role": "user", "content": "Q6"}, {**answer, "weight": "1"}],
        "weighed nothing": [{"role": "user", "content": "Q7"}, {**answer, "weight": None}],
        "a number": [{"role": "user", "content": 7}, answer],
        "an object": {"role": "user"},
        "a text": "[]",
        "a list of texts": ["{}"],
        "null in it": [None, answer],
        "nothing": [],
    }
    names = list(written)
    texts_ = [json.dumps(value) for value in written.values()] + ["[{"]
    table = _table(names, texts_)
    tables(workspace).put(PAIRS, table)
    with source(workspace).open("sheet-1") as opened, verdicts(opened, POLICY) as judged:
        passed = {row["pair_id"] for row in judged.to_pyarrow().to_pylist() if row["reason"] is None}
    nothing = {"called nothing, and answered", "called null"}
    assert passed == {"fine", "called", "called in text", "weighed", "weighed nothing"} | nothing


@pytest.mark.parametrize("variant", [False, True])
def test_tool_definitions_in_json_mean_what_they_mean_in_a_file(workspace: Workspace, variant: bool) -> None:
    written = {
        '[{"name":"look","parameters":{"at":null}}]': '[{"name":"look","parameters":{"at":null}}]',
        '[ {"name": "look"} ]': '[{"name":"look"}]',
        "[]": None,
        "null": None,
        '{"name":"look"}': "",
        "[1]": "",
        "7": "",
    }
    rows = [pair(number, tools=tools) for number, tools in enumerate(written)]
    table = arrow(rows).append_column("training_sheet_id", pa.array(["sheet-1"] * len(rows)))
    tables(workspace).put(PAIRS, table, variants=("tools",) if variant else ())
    with source(workspace).open("sheet-1") as opened, opened.engine.fetch(opened.pairs) as pairs:
        found = pairs.order_by("pair_id").select("tools").to_pyarrow()["tools"].to_pylist()
    assert found == list(written.values())


def test_a_table_with_tool_definitions_makes_the_same_dataset_as_a_file(workspace: Workspace, tmp_path: Path) -> None:
    tools = [None, '[{"name":"look"}]', '[{"name":"listen"}]', ""]
    rows = [pair(number, tools=tools[number % 4]) for number in range(40)]
    put_pairs(workspace, rows)
    digests = []
    with source(workspace).open("sheet-1") as opened:
        for sheet in (opened, open_sheet(rows)):
            taken = snapshot(sheet, POLICY, directory=tmp_path / "snapshots")
            plan = split_snapshot(sheet, taken, ratio=0.8, seed="s", min_pairs=2)
            made = write_dataset(sheet, taken, plan, root=tmp_path / "datasets")
            digests.append((taken.digest, made.digest))
    assert digests[0] == digests[1]
    lines = [*made.train_file.read_text().splitlines(), *made.validation_file.read_text().splitlines()]
    expected = [oracle.example(row) for row in rows if row["tools"] != ""]
    assert sorted(lines) == sorted(line for line in expected if line)
    assert taken.summary.excluded[Reason.INVALID] == 10


def _table(names: list[str], written: list[str]) -> pa.Table:
    count = len(written)
    return pa.table(
        {
            "pair_id": [*names, "broken"],
            "training_sheet_id": ["sheet-1"] * count,
            "item_ref": [f"item-{number}" for number in range(count)],
            "status": ["labeled"] * count,
            "allowed_uses": [["training"]] * count,
            "prohibited_uses": pa.array([[]] * count, pa.list_(pa.string())),
            "data_classification": ["public"] * count,
            "messages": written,
        }
    )


def test_unknown_and_repeated_and_broken_heads(workspace: Workspace) -> None:
    put_pairs(workspace, mixed())
    put_heads(workspace, [head(), head("twice"), head("twice"), head("odd", status="done"), head("empty")])
    sheets = source(workspace)
    assert [sheet.id for sheet in sheets.list()] == ["empty", "sheet-1", "twice", "twice"]
    with pytest.raises(NotFound, match="There are: empty, sheet-1"), sheets.open("other"):
        pass
    with pytest.raises(NotFound), sheets.open("x' OR '1'='1"):
        pass
    with pytest.raises(SheetUnreadable, match="is twice"), sheets.open("twice"):
        pass
    with pytest.raises(SheetUnreadable, match="status"):
        sheets.get("odd")
    with pytest.raises(SheetUnreadable, match="holds no pairs"), sheets.open("empty"):
        pass
    tables(workspace).put(SHEETS, pa.table({"id": ["sheet-1"], "status": ["approved"]}))
    with pytest.raises(SheetUnreadable, match="template_id: is missing"):
        sheets.list()
