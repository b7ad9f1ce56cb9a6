"""Whether the index says what the manifests say: every dataset, every row, every verdict. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, text

from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.datasets.store import manifest_sha256
from training_pipeline.domain.errors import Unavailable
from training_pipeline.domain.refs import MANIFEST
from training_pipeline.models.uses.cells import CHUNK, SLOTS, unpacked, verdicts_of
from training_pipeline.models.uses.index import UseIndex, one_index
from training_pipeline.models.uses.keys import ManifestKeys, manifest_keys
from training_pipeline.models.uses.numbering import known_numbers, stored_blocks, stored_rows
from training_pipeline.models.uses.tables import KEYS
from training_pipeline.training_jobs.store.jobs import JobStore

_ROWS: Final = 500_000
_CHUNKS: Final = 64

_DATASETS: Final = """
    SELECT s.training_sheet_id, s.sheet_no, s.rows, d.slot, d.digest, d.path, d.manifest_sha256
    FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)
    WHERE d.recorded_at IS NOT NULL ORDER BY s.training_sheet_id, d.slot
"""


class Checked(BaseModel):
    """What was found of one dataset; nothing is wrong where there are no problems."""

    model_config = ConfigDict(frozen=True)

    training_sheet_id: str
    digest: str
    problems: tuple[str, ...] = ()


def check(store: JobStore) -> Iterator[Checked]:
    """Compare the index with every manifest, dataset by dataset. Reads every byte of the manifests."""
    with store.begin() as connection:
        datasets = connection.execute(text(_DATASETS)).tuples().all()
    for training_sheet_id, digest in UseIndex(store).missing():
        problem = "a training job has it, and the index does not: run `training-pipeline index rebuild --missing`"
        yield Checked(training_sheet_id=training_sheet_id, digest=digest, problems=(problem,))
    for training_sheet_id, sheet_no, rows, slot, digest, path, sha256 in datasets:
        with store.begin() as connection:
            one_index(connection)
            problems = tuple(_problems(connection, sheet_no, rows, slot, Path(path) / MANIFEST, sha256))
        yield Checked(training_sheet_id=training_sheet_id, digest=digest, problems=problems)


def _problems(
    connection: Connection, sheet_no: int, rows: int, slot: int, manifest: Path, sha256: str
) -> Iterator[str]:
    try:
        if manifest_sha256(manifest) != sha256:
            yield f"the manifest {manifest} is damaged: its rows are not those that were recorded"
            return
        keys = manifest_keys(manifest)
    except (OSError, ValueError) as error:
        yield str(lost_manifest(manifest, error).message)
        return
    except Unavailable as error:
        yield error.message
        return
    numbers = known_numbers(connection, sheet_no, keys, rows=rows)
    unknown = int((numbers < 0).sum())
    if unknown:
        yield f"{unknown:,} rows of its manifest are not in the index"
    codes = keys.rows["code"].to_numpy()
    expected = np.zeros(rows, dtype=np.uint8)
    expected[numbers[numbers >= 0]] = codes[numbers >= 0]
    wrong = int((expected != _verdicts(connection, sheet_no, rows, slot)).sum())
    if wrong:
        yield f"of {wrong:,} rows the index says something else than its manifest"
    wrong = _wrong_keys(connection, sheet_no, rows, keys, numbers)
    if wrong:
        yield f"{wrong:,} rows of its manifest cannot be found by their names"


def _verdicts(connection: Connection, sheet_no: int, rows: int, slot: int) -> NDArray[np.uint8]:
    """What the index says that the dataset did with every row of its sheet."""
    found = np.zeros(rows, dtype=np.uint8)
    chunks = range(0, -(-rows // CHUNK))
    for first in chunks[::_CHUNKS]:
        blocks = stored_blocks(connection, sheet_no, list(chunks[first : first + _CHUNKS]), slot // SLOTS)
        for chunk, cells in blocks.items():
            of_rows = verdicts_of(unpacked(cells, 0), slot)
            found[chunk * CHUNK : chunk * CHUNK + len(of_rows)] = of_rows[: rows - chunk * CHUNK]
    return found


def _wrong_keys(
    connection: Connection, sheet_no: int, rows: int, keys: ManifestKeys, numbers: NDArray[np.int64]
) -> int:
    """How many rows of the manifest have other keys in the index than they should."""
    known = numbers >= 0
    wanted = pa.table({"row_no": numbers, **{name: pc.fill_null(keys.rows[name], 0) for name in KEYS}})
    wanted = wanted.filter(pa.array(known))
    wrong = 0
    with duckdb.connect() as engine:
        engine.register("wanted", wanted)
        for start in range(0, rows, _ROWS):
            engine.register("stored", stored_rows(connection, sheet_no, start, start + _ROWS, KEYS))
            found = engine.execute(
                "SELECT count(*) FROM (SELECT * FROM wanted WHERE row_no >= $start AND row_no < $end"
                " EXCEPT SELECT * FROM stored)",
                {"start": start, "end": start + _ROWS},
            ).fetchone()
            wrong += 0 if found is None else int(found[0])
    return wrong
