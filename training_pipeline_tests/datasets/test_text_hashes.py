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
from training_pipeline.settings import Settings
from training_pipeline.testing.installation import scripted_services
from training_pipeline.testing.job_life import prepared
from training_pipeline.testing.jobs import ScriptedBackend
from training_pipeline.testing.small_sheet import rows, write_sheet

CALL = [{"id": "c1", "type": "function", "function": {"name": "find", "arguments": {"term": "Größe ≥ 1"}}}]


@pytest.fixture
def dataset(settings: Settings, database: Database) -> DatasetRef:
    """Of plain pairs, and of one with everything that an example may have."""
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
    with scripted_services(settings, database, ScriptedBackend()) as services:
        write_sheet(settings.sheets, "small", [*rows(20), *rows(1, pair_id="rich", item_ref="rich", **rich)])
        job = services.jobs.create({"training_sheet_id": "small", "model_name": "triage"}, created_by="ada")
        return required(prepared(services, job.id).data.dataset, "dataset")


def test_every_example_of_a_dataset_has_the_hashes_of_its_manifest(dataset: DatasetRef) -> None:
    manifest = pq.read_table(dataset.manifest_file).to_pylist()
    expected = {(row["row_hash"], row["prompt_hash"]) for row in manifest if row["split"]}
    found = set()
    for file in (dataset.train_file, dataset.validation_file):
        for line in texts_of(file.read_bytes()):
            hashes = text_hashes(line)
            assert len(hashes.row_hashes) == 1  # written as we would write it
            found.add((hashes.row_hashes[0], hashes.question_hashes[0]))
            spaced = json.dumps(json.loads(line), indent=None, ensure_ascii=True)
            assert text_hashes(spaced).row_hashes[1] == hashes.row_hashes[0]
    assert found == expected


def test_a_text_that_is_no_example_is_a_question(dataset: DatasetRef) -> None:
    manifest = pq.read_table(dataset.manifest_file, columns=["pair_id", "prompt_hash"]).to_pylist()
    known = {row["prompt_hash"]: row["pair_id"] for row in manifest}
    (text,) = texts_of("\ufeff  which queue takes\n invoice 7?\n".encode())
    hashes = text_hashes(text)
    assert (hashes.row_hashes, [known.get(one) for one in hashes.question_hashes]) == ((), ["p-0007"])


@pytest.mark.parametrize(
    "content", [b"", b" \n", b'{"messages": []}', b'{"messages": "x"}', b'{"question": "x"}', b"\xff\xfe\x00"]
)
def test_what_is_neither_is_refused_without_its_text(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        [text_hashes(text) for text in texts_of(content)]
    assert "x" not in caught.value.message.replace("example", "").replace("text", "")


def test_the_lines_of_a_file_are_texts_of_their_own_where_each_is_json(tmp_path: Path) -> None:
    lines: list[Any] = [{"messages": [{"role": "user", "content": str(number)}]} for number in range(3)]
    assert len(list(texts_of("\n\n".join(map(json.dumps, lines)).encode()))) == 3
    assert list(texts_of(b'{"a": 1}\nnot json')) == ['{"a": 1}\nnot json']
