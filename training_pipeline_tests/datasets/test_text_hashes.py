from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from training_pipeline.datasets.text_hashes import text_hashes, texts_of
from training_pipeline.domain.errors import InvalidRequest
from training_pipeline.domain.refs import DatasetRef, required
from training_pipeline.infra.database import Database
from training_pipeline.models.uses.keys import questions_of
from training_pipeline.settings import Settings
from training_pipeline.testing.jobs.job_life import prepared
from training_pipeline.testing.jobs.jobs import ScriptedBackend
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.installation import scripted_services

CALL = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": {"term": "Größe ≥ 1"}}}]
SEVERAL = [
    {"role": "user", "content": "Good morning!"},
    {"role": "assistant", "content": "How can I help?"},
    {"role": "user", "content": "Wie heißt der Händler?"},
    {"role": "assistant", "content": "Weiß."},
    {"role": "user", "content": "And where does he live?"},
    {"role": "assistant", "content": "In Köln."},
]


@pytest.fixture
def dataset(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> DatasetRef:
    """Of plain pairs, of one with everything that an example may have, and of one with several questions.

    Its manifest has hashes without a key.
    """
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    rich = {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "  Wo ist\\tdie Akte? "},
            {"role": "assistant", "content": None, "tool_calls": CALL},
            {"role": "tool", "content": "hier", "tool_call_id": "c1"},
            {"role": "assistant", "content": "Hier.", "weight": 1},
        ],
        "tools": tools,
    }
    pairs = [*rows(20), *rows(1, pair_id="rich", item_ref="rich", **rich)]
    pairs += rows(1, pair_id="several", item_ref="several", messages=SEVERAL)
    with scripted_services(settings, database, ScriptedBackend()) as services:
        write_sheet(settings.sheets, "small", pairs)
        monkeypatch.setattr(services.launcher, "_made", None)
        job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
        return required(prepared(services, job.id).data.dataset, "dataset")


def test_every_example_of_a_dataset_has_the_hashes_of_its_manifest(dataset: DatasetRef) -> None:
    manifest = pq.read_table(dataset.manifest_file).to_pylist()
    expected = {row["row_hash"]: row["prompt_hash"].partition(" +")[0] for row in manifest if row["split"]}
    found = {}
    for file in (dataset.train_file, dataset.validation_file):
        for line in texts_of(file.read_bytes()):
            hashes = text_hashes(line)
            assert len(hashes.row_hashes) == 1  # written as we would write it
            asked = hashes.question_hashes[: len(expected[hashes.row_hashes[0]].split())]
            found[hashes.row_hashes[0]] = " ".join(sorted(asked))
            spaced = json.dumps(json.loads(line), indent=None, ensure_ascii=True)
            assert text_hashes(spaced).row_hashes[1] == hashes.row_hashes[0]
    assert found == expected


@pytest.mark.parametrize("weight", ["1" + "0" * 400, "true", '"1"'])
def test_what_is_no_weight_is_left_out(weight: str) -> None:
    text = '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"%s}]}'
    assert text_hashes(text % f', "weight": {weight}').question_hashes == text_hashes(text % "").question_hashes


def test_a_text_that_is_nested_deeply_is_a_question() -> None:
    assert text_hashes('{"messages":' * 100_000).row_hashes == ()


def test_a_text_that_is_no_example_is_a_question(dataset: DatasetRef) -> None:
    manifest = pq.read_table(dataset.manifest_file, columns=["pair_id", "prompt_hash"]).to_pylist()
    known = {row["prompt_hash"]: row["pair_id"] for row in manifest}
    (text,) = texts_of("\ufeff  which queue takes\n invoice 7?\n".encode())
    hashes = text_hashes(text)
    assert (hashes.row_hashes, [known.get(one) for one in hashes.question_hashes]) == ((), ["p-0007", None])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Wie heißt\tder \u03a3\u039f\u03a6\u039f\u03a3?\n", "878dbca57167f8b23c12d4807f9adc8a"),
        (
            json.dumps(
                {
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": "a\x1fb \u0130\u3000"},
                        {"role": "assistant", "content": "x"},
                        {"role": "user", "content": "And?"},
                        {"role": "assistant", "content": "y"},
                        {"role": "tool"},
                    ]
                }
            ),
            "f801e2851ec431e2aef7a382ea12c5bf",
        ),
        (json.dumps({"messages": [{"role": "user", "content": "open"}]}), "a0cf65a2ef0b27b846bb66e74993e2ee"),
    ],
)
def test_a_question_has_the_hash_that_earlier_policies_gave_it(text: str, expected: str) -> None:
    """Pinned: manifests of policies 1 to 3 have these."""
    assert text_hashes(text).question_hashes[-1] == expected


@pytest.mark.parametrize(
    "text",
    [
        "WIE HEISST DER HA\u0308NDLER",
        "\ufeff And where \u200bdoes he live\uff1f",
        json.dumps({"messages": [{"role": "system", "content": "Be brief."}, *SEVERAL[:2]]}),
        json.dumps({"messages": [{"role": "USER", "content": "good morning", "name": "Ada"}]}),
        json.dumps({"messages": SEVERAL[2:]}),
        json.dumps({"messages": SEVERAL[:4]}),
    ],
)
def test_the_question_of_any_turn_is_found_however_it_is_written(dataset: DatasetRef, text: str) -> None:
    manifest = pq.read_table(dataset.manifest_file, columns=["pair_id", "prompt_hash"]).to_pylist()
    asked = {row["pair_id"]: questions_of(row["prompt_hash"]) for row in manifest}
    found = {
        one: [pair_id for pair_id, hashes in asked.items() if one in hashes]
        for one in text_hashes(text).question_hashes
    }
    assert "several" in {pair_id for pairs in found.values() for pair_id in pairs}, found


def test_the_question_of_a_turn_alone_ties_nothing(dataset: DatasetRef) -> None:
    manifest = pq.read_table(dataset.manifest_file, columns=["pair_id", "prompt_hash"]).to_pylist()
    (stored,) = (row["prompt_hash"] for row in manifest if row["pair_id"] == "several")
    assert [one.startswith("+") for one in stored.split()] == [False, False, False, True, True]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" \n",
        b'{"messages": []}',
        b'{"messages": "x"}',
        b'{"question": "x"}',
        rb'{"messages": [{"role": "\ud83d"}]}',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_neither_is_refused_without_its_text(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        [text_hashes(text) for text in texts_of(content)]
    assert "x" not in caught.value.message.replace("example", "").replace("text", "")


def test_the_lines_of_a_file_are_texts_of_their_own_where_each_is_json(tmp_path: Path) -> None:
    lines: list[Any] = [{"messages": [{"role": "user", "content": str(number)}]} for number in range(3)]
    assert len(list(texts_of("\n\n".join(map(json.dumps, lines)).encode()))) == 3
    whole = json.dumps(lines[0], indent=1)
    assert list(texts_of(whole.encode())) == [whole]


def test_a_line_ends_with_a_line_feed_alone() -> None:
    """JSON has these characters as they are; where they ended a line, no line was JSON, and nobody had learned it."""
    lines = [
        json.dumps({"messages": [{"role": "user", "content": f"a{end}b"}]}, ensure_ascii=False)
        for end in "\u2028\u2029\u0085"
    ]
    assert list(texts_of("\n".join(lines).encode())) == lines


@pytest.mark.parametrize(("second", "what"), [("not json", "is no JSON"), ('{"a": 1, "a": 2}', "has a key twice")])
def test_jsonl_with_a_line_that_is_no_json_is_refused(second: str, what: str) -> None:
    first = '{"messages": [{"role": "user", "content": "x"}]}'
    with pytest.raises(InvalidRequest, match=f"Line 2 of the file {what}"):
        list(texts_of(f"{first}\n{second}".encode()))


def test_an_example_with_a_key_twice_is_named_as_such() -> None:
    example = '{"messages": [{"role": "user", "role": "system", "content": "x"}]}'
    for content in (example, example.replace("{", "{\n")):
        with pytest.raises(InvalidRequest, match="a key twice in an object"):
            [text_hashes(text) for text in texts_of(content.encode())]


@pytest.mark.parametrize(
    "question",
    [
        "{x | x > 0} is which set?",
        "{{name}} asks: why?",
        '{"age": 3}\nWhat is wrong with this record?',
        "{x | x > 0}\n{x | x < 0}\nWhat do they share?",
    ],
)
def test_a_question_may_begin_with_a_brace(question: str) -> None:
    (text,) = texts_of(question.encode())
    hashes = text_hashes(text)
    assert (text, hashes.row_hashes, len(hashes.question_hashes)) == (question, (), 2)
