from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training_pipeline.app.container import Services
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import DatasetRef
from training_pipeline.domain.revocations import Revoked
from training_pipeline.models.revocations import text_search
from training_pipeline.testing.sheets.small_sheet import rows, write_sheet
from training_pipeline.testing.system.command_line import Command


@pytest.fixture
def revoked(services: Services, done: TrainingJob) -> str:
    asked = Revoked(kind="pair", value="p-0003", training_sheet_id="small")
    assert done.data.dataset is not None
    return services.revocations.revoke(asked, reason="r", actor="grace").revocation.id


def test_every_copy_is_named_before_anything_is_erased(
    command: Command, services: Services, done: TrainingJob, revoked: str
) -> None:
    dataset = done.data.dataset
    assert isinstance(dataset, DatasetRef)
    sheet = services.settings.sheets / "small.jsonl"
    code, out, _ = command("erase", revoked, "--dry-run")
    assert code == 0
    for file in (dataset.train_file, dataset.validation_file):
        assert f"will be erased   {file}" in out
    assert f"stays            {sheet.resolve()}" in out
    assert f"keeps a hash     {dataset.manifest_file}  (1 row)" in out
    assert "keeps a hash     the index of uses (table use_rows)  (1 row)" in out
    assert "invoice 3?" not in out
    code, out, _ = command("erase", revoked)
    assert code == 1, "nobody confirmed it"
    assert dataset.train_file.exists()
    code, out, _ = command("erase", revoked, "--yes", "--json")
    found = json.loads(out)
    assert (code, found["erased"], found["left"]) == (3, True, [str(sheet.resolve())])
    assert found["datasets"][0]["digest"] == dataset.digest
    assert {"place": str(dataset.manifest_file), "rows": 1} in found["hashed"]
    assert not dataset.train_file.exists()
    code, out, _ = command("erase", revoked, "--yes")
    assert (code, "it was erased, or nothing was made of it" in out) == (0, True)


def test_where_nothing_holds_it_any_more_that_is_said(command: Command, services: Services, revoked: str) -> None:
    write_sheet(services.settings.sheets, "small", [one for one in rows(39) if one["pair_id"] != "p-0003"])
    code, out, _ = command("erase", revoked, "--yes")
    assert (code, "is in no file" in out) == (0, True)


def test_a_parquet_file_beside_the_sheet_holds_it_still(
    command: Command, services: Services, done: TrainingJob, revoked: str
) -> None:
    """As a sheet that was imported, or one of its kept versions."""
    pairs = rows(40)
    write_sheet(services.settings.sheets, "small", [one for one in pairs if one["pair_id"] != "p-0003"])
    kept = services.settings.sheets / "small@000000000000.parquet"
    pq.write_table(pa.Table.from_pylist(pairs), kept, compression="zstd")
    code, out, _ = command("erase", revoked, "--yes")
    assert (code, "is in no file" in out) == (3, False)
    assert f"The text is still in {kept.resolve()}" in out


def test_what_could_not_be_searched_is_no_no(
    command: Command, services: Services, done: TrainingJob, revoked: str
) -> None:
    write_sheet(services.settings.sheets, "small", [one for one in rows(39) if one["pair_id"] != "p-0003"])
    damaged = services.settings.sheets / "copy.jsonl.gz"
    damaged.write_bytes(gzip.compress(b"anything")[:-4])
    code, out, _ = command("erase", revoked, "--yes")
    assert (code, "is in no file" in out) == (3, False)
    assert f"The text may still be in {damaged.resolve()}" in out


def test_a_row_with_too_little_to_search_for_is_no_no(
    command: Command, services: Services, done: TrainingJob, revoked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_search, "LEAST_BYTES", 1000)
    code, out, _ = command("erase", revoked, "--yes")
    assert (code, "is in no file" in out) == (3, False)
    assert "Only a part of the text was searched for under" in out


def test_a_damaged_dataset_may_hold_it(command: Command, services: Services, done: TrainingJob, revoked: str) -> None:
    assert isinstance(done.data.dataset, DatasetRef)
    done.data.dataset.manifest_file.unlink()
    code, out, _ = command("erase", revoked, "--yes")
    assert code == 3
    assert f"cannot be read   {done.data.dataset.path}" in out
    assert "No dataset on this machine that can be read has text of it" in out


def test_an_unknown_revocation_is_an_error(command: Command, services: Services) -> None:
    assert services.store.list()[1] == 0
    code, _, err = command("erase", "rv-20261123-072145-9f3a2c", "--yes")
    assert (code, "There is no revocation" in err) == (1, True)
