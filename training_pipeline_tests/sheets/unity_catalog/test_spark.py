"""A real Spark says what our DuckDB says: form by form, verdict by verdict, hash by hash. `make spark` runs this."""

from __future__ import annotations

import json
import random
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training_pipeline.datasets.prepare import write_dataset
from training_pipeline.datasets.preview import preview
from training_pipeline.datasets.snapshot import snapshot
from training_pipeline.datasets.split import split_snapshot
from training_pipeline.datasets.summary import export_summary
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.datasets.verify import Finding, held_out_in_train
from training_pipeline.domain.manifest import SNAPSHOT_SCHEMA
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.domain.rules.text.dialects import DATABRICKS, DUCKDB, EngineWords
from training_pipeline.domain.rules.text.normal_form import NormalForm, normal_form_table
from training_pipeline.domain.rules.text.plain_form import loose, strict
from training_pipeline.sheets.base import OpenSheet
from training_pipeline.sheets.files.source import SAMPLES, FileTrainingSheets
from training_pipeline.testing.databricks.sheet_tables import as_read, spiced_pairs, without_texts
from training_pipeline.testing.databricks.spark import Spark
from training_pipeline.testing.oracles import text_oracle
from training_pipeline.testing.sheets.pairs import Row, arrow, chat, open_sheet, pair
from training_pipeline.testing.sheets.sheet_files import put_sheet
from training_pipeline.testing.sheets.texts import JSON, NO_FUNCTIONS, NO_JSON, NOTABLE, every_code_point
from training_pipeline.testing.soak import SEED, examples

POLICY = GatePolicy(instruction_prompt_items=3)
pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17"),
    pytest.mark.filterwarnings("ignore:::pyspark"),
    # pyspark leaves the socket that rows came through to the garbage collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(1800),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    session = Spark(tmp_path_factory.mktemp("spark"))
    yield session
    session.close()


def forms(words: EngineWords, dialect: str) -> str:
    texts = ibis.table({"text": "string", "place": "int64"}, name="texts")
    table = texts.cross_join(normal_form_table(texts))
    form = NormalForm(words, table)
    return str(
        ibis.to_sql(table.select("place", loose=form.loose(table.text), strict=form.strict(table.text)), dialect)
    )


def compare_forms(spark: Spark, texts: list[str]) -> None:
    """Python, DuckDB and Spark, text by text."""
    given = pa.table({"text": pa.array(texts, pa.string()), "place": pa.array(range(len(texts)), pa.int64())})
    spark.put("texts", given)
    engine = ibis.duckdb.connect().con
    engine.register("texts", given)
    found = {
        "Python": [(loose(text), strict(text)) for text in texts],
        "DuckDB": forms_in(engine.execute(forms(DUCKDB, "duckdb")).to_arrow_table()),
        "Spark": forms_in(spark.rows(forms(DATABRICKS, "databricks"))),
    }
    if unicodedata.unidata_version == "14.0.0":
        found["unicodedata"] = [(text_oracle.loose(text), text_oracle.strict(text) or "") for text in texts]
    for name, both in found.items():
        other = [ascii(text) for text, one, two in zip(texts, both, found["Python"], strict=True) if one != two]
        assert not other, (name, len(other), other[:10])


def forms_in(found: pa.Table) -> list[tuple[str, str]]:
    found = found.sort_by("place")
    return list(zip(found["loose"].to_pylist(), found["strict"].to_pylist(), strict=True))


def test_the_forms_of_every_code_point(spark: Spark) -> None:
    compare_forms(spark, every_code_point())


def test_the_forms_of_random_texts(spark: Spark) -> None:
    print("seed", SEED)
    chance = random.Random(SEED)
    planes = [
        (0x20, 0x250),
        (0x250, 0x3400),
        (0xA000, 0xD7FF),
        (0xF900, 0xFFFF),
        (0x10000, 0x20000),
        (0xE0000, 0xE0FFF),
    ]

    def character() -> str:
        return chance.choice(NOTABLE) if chance.random() < 0.7 else chr(chance.randint(*chance.choice(planes)))

    compare_forms(spark, ["".join(character() for _ in range(chance.randint(0, 12))) for _ in range(examples(20_000))])


def judged(opened: OpenSheet) -> Counter[str]:
    columns = [*SNAPSHOT_SCHEMA.names, "prohibited", "held_out", "usage_reason"]
    with verdicts(opened, POLICY) as table:
        return Counter(map(json.dumps, table.select(*columns).to_pyarrow().to_pylist()))


def in_json(rows: pa.Table) -> pa.Table:
    """The rows with their messages as JSON text."""
    texts = [
        None if messages is None else json.dumps([_stated(each) for each in messages], ensure_ascii=False)
        for messages in rows["messages"].to_pylist()
    ]
    return rows.set_column(rows.column_names.index("messages"), "messages", pa.array(texts, pa.string()))


def _stated(message: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in message.items() if value is not None}
    return fields | ({"tool_calls": json.loads(fields["tool_calls"])} if "tool_calls" in fields else {})


@pytest.mark.parametrize("messages", ["array", "json", "variant"])
def test_the_sample_sheet(spark: Spark, tmp_path: Path, messages: str) -> None:
    with FileTrainingSheets([SAMPLES]).open("sheet-123") as sample:
        rows = sample.pairs.to_pyarrow()
        expected = judged(sample), export_summary(sample, POLICY), preview(sample, POLICY, 5)
        taken = snapshot(sample, POLICY, directory=tmp_path)
        plan = split_snapshot(sample, taken, ratio=0.8, seed="s", min_pairs=2)
        made = write_dataset(sample, taken, plan, root=tmp_path / "here")
    given = rows if messages == "array" else in_json(rows)
    variants = ("messages",) if messages == "variant" else ()
    with spark.sheet(given, variants=variants, tags=sample.sheet.tags) as opened:
        found = judged(opened)
        assert found == expected[0], (list(found - expected[0])[:2], list(expected[0] - found)[:2])
        assert export_summary(opened, POLICY) == without_texts(expected[1])
        assert preview(opened, POLICY, 5) == expected[2]
        again = snapshot(opened, POLICY, directory=tmp_path / "again")
        there = write_dataset(opened, again, plan, root=tmp_path / "there")
        assert held_out_in_train(opened, again) == Finding(checked=again.summary.eligible, broken=0)
    assert again.pairs_file.read_bytes() == taken.pairs_file.read_bytes()  # their digests hold the id of the sheet
    assert there.digest == made.digest
    for name in ("train.jsonl", "validation.jsonl"):
        here, other = ((one.manifest_file.parent / name).read_bytes() for one in (made, there))
        assert here == other


CALLS: list[Row] = [
    {"role": "user", "content": "q"},
    {
        "role": "assistant",
        "content": "",
        # In the order in which a VARIANT keeps the keys.
        "tool_calls": [{"function": {"name": "add"}, "id": "c", "n": [1, -2.5, 0, 12345678901234567890, None]}],
    },
]


def from_file(tmp_path: Path, rows: pa.Table) -> Counter[str]:
    put_sheet(tmp_path, rows, ".parquet")
    with FileTrainingSheets([tmp_path]).open("s") as opened:
        return judged(opened)


def by_item(found: Counter[str]) -> dict[str, Row]:
    return {row["item_ref"]: row for row in map(json.loads, found)}


@pytest.mark.parametrize("variant", [False, True], ids=["json", "variant"])
def test_json_is_one_whole_value_or_nothing(spark: Spark, tmp_path: Path, variant: bool) -> None:
    """What a parser passes over must not decide: in messages, lists of uses, and tool definitions."""
    whole, listed = json.dumps(chat("Which queue?", "purchasing")), json.dumps(["training"])
    texts = {
        **NO_JSON,
        **JSON,
        "calls": json.dumps(CALLS),
        "none": json.dumps([CALLS[0], CALLS[1] | {"tool_calls": "[]"}]),
        **{
            f"no function {at}": json.dumps([CALLS[0], CALLS[1] | {"tool_calls": calls}])
            for at, calls in enumerate(NO_FUNCTIONS)
        },
    }
    rows: list[Row] = []
    for name, text in texts.items():
        if variant and name in NO_JSON:
            continue  # `parse_json` refuses most of them, or has already changed them
        given = {"messages": text.replace("%s", whole), "item_ref": name}
        rows.append(pair(len(rows)) | given | {"allowed_uses": listed, "prohibited_uses": "[]"})
        if "%s" in text and not variant:
            for column in ("allowed_uses", "prohibited_uses", "tools"):
                value = text.replace("%s", '[{"name":"look"}]' if column == "tools" else listed)
                stated = {"allowed_uses": listed, "prohibited_uses": "[]", "messages": whole} | {column: value}
                rows.append(pair(len(rows)) | {"item_ref": f"{column}: {name}"} | stated)
    names = dict.fromkeys(name for row in rows for name in row)
    given = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
    with spark.sheet(given, variants=("messages",) if variant else ()) as opened:
        found = judged(opened)
    # A file has lists as lists; what else stands there is none.
    for row in rows:
        spoiled = row["item_ref"].partition(": ")[2] in NO_JSON
        row["allowed_uses"] = None if spoiled and row["item_ref"].startswith("allowed") else ["training"]
        row["prohibited_uses"] = (
            json.loads(row["prohibited_uses"]) if not spoiled or "prohib" not in row["item_ref"] else None
        )
    expected = from_file(tmp_path, pa.Table.from_pylist([dict.fromkeys(names) | row for row in rows]))
    assert by_item(found) == by_item(expected)
    reasons = {item: row["reason"] for item, row in by_item(found).items()}
    wrong = {name for name in texts if name in NO_JSON}
    assert {reasons[name] for name in wrong & reasons.keys()} <= {"invalid"}
    unnamed = {name for name in texts if name.startswith("no function")}
    assert {reasons[name] for name in unnamed} == {"invalid"}
    assert "invalid" not in {reasons[name] for name in texts.keys() - wrong - unnamed - {"none"}}


@pytest.mark.parametrize("messages", ["array", "json", "variant"])
@settings(max_examples=examples(3), suppress_health_check=list(HealthCheck))
@given(rows=st.lists(spiced_pairs, min_size=20, max_size=40), tags=st.sampled_from([(), ("PHI",)]))
def test_random_sheets(spark: Spark, messages: str, rows: list[Row], tags: tuple[str, ...]) -> None:
    expected = judged(open_sheet([as_read(row) for row in rows], tags=tags))
    given = arrow(rows) if messages == "array" else in_json(arrow(rows))
    with spark.sheet(given, variants=("messages",) if messages == "variant" else (), tags=tags) as opened:
        found = judged(opened)
    assert found == expected, (list(found - expected)[:2], list(expected - found)[:2])
