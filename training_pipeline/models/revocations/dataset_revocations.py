"""Which revocations the rows of a dataset are under, told by its manifest. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import Connection, text

from training_pipeline.datasets.comparable_hashes import from_text, has_text
from training_pipeline.datasets.lost_manifest import lost_manifest
from training_pipeline.datasets.store import read_dataset
from training_pipeline.domain.errors import NotFound, Unavailable
from training_pipeline.domain.hash_key import MARKS, NO_KEYS, HashKey, HashKeys
from training_pipeline.domain.job import TrainingJob
from training_pipeline.domain.refs import required
from training_pipeline.domain.revocations import Learned, RevocableKind, Withdrawn
from training_pipeline.domain.uses import DIGITS
from training_pipeline.models.uses.keys import COLUMNS

#: What a training sheet is made from, as far as its jobs and whoever asks say.
_SOURCES: Final = (
    "(SELECT :source UNION ALL SELECT sheet_id FROM training_job_lineage WHERE training_sheet_id = :sheet)"
)
_NAMED: Final = text(
    "SELECT id, kind, value FROM revocations WHERE kind <> 'rows' AND CASE"  # noqa: S608 - our own text
    f" WHEN kind = 'sheet' THEN value = :sheet OR value IN {_SOURCES}"
    " WHEN training_sheet_id IS NULL OR training_sheet_id = :sheet THEN true"
    f" WHEN kind IN ('item', 'label') THEN training_sheet_id IN {_SOURCES} END"
    " AND (CAST(:one AS text) IS NULL OR id = :one)"
)
_EXAMPLES: Final = text(
    "SELECT revocation_id, hash, hash_key FROM revoked_examples WHERE training_sheet_id = :sheet"
    " AND (CAST(:one AS text) IS NULL OR revocation_id = :one)"
)
_ROWS: Final = text(
    "SELECT revocation_id, pair_id, row_hash, CASE WHEN validation_only THEN 'validation' END, hash_key"
    " FROM revoked_rows WHERE training_sheet_id = :sheet AND (CAST(:one AS text) IS NULL OR revocation_id = :one)"
)
#: SQL: a pair that was left out as a copy, and no row that was kept has the very same line. The one that was kept for
#: it asks the same and says the same, but for white space, accents' spellings, weights and names.
_LEARNED_AS_ANOTHER: Final = (
    "hit.reason = 'duplicate' AND NOT EXISTS (SELECT 1 FROM used AS kept WHERE kept.row_hash = hit.row_hash)"
)
#: Stands for every hash: the pair alone is compared.
ANY: Final = "*"
_READ: Final = ["pair_id", "row_hash", "item_ref", "canonical_label_id", "split", "reason"]
_QUESTIONS: Final = "prompt_hash"
_BY_REVOCATION: Final = "SELECT id, count(*) FILTER (trains), count(*) FILTER (NOT trains) FROM found GROUP BY id"
#: The id of a pair that is in a dataset stands for one row of it.
_ALL: Final = "SELECT count(DISTINCT pair_id) FILTER (trains), count(DISTINCT pair_id) FILTER (NOT trains) FROM found"


def held_by(connection: Connection, job: TrainingJob, keys: HashKeys) -> Mapping[str, Learned]:
    """`held` of the dataset that a job trains on; raises as that does, and where the job has none."""
    manifest = required(job.data.dataset, "dataset").manifest_file
    return held(connection, job.request.training_sheet_id, manifest, keys)


def held(
    connection: Connection,
    training_sheet_id: str,
    manifest: Path,
    keys: HashKeys = NO_KEYS,
    *,
    revocation_id: str | None = None,
) -> Mapping[str, Learned]:
    """How many rows of each revocation a dataset of the sheet trains and validates on, by revocation; only what occurs.

    A hash is compared as it is and under the keys that can be read. Raises `Unavailable` where the manifest cannot be
    read, or where nobody can say whether it holds a hash; of one revocation alone what nobody can compare is left out.
    Without a revocation that may concern it, it is not read.
    """
    found = _found(connection, training_sheet_id, manifest, _BY_REVOCATION, keys, revocation_id=revocation_id)
    return {revocation_id: Learned(train, validation) for revocation_id, train, validation in found}


def lost(connection: Connection, training_sheet_id: str, manifest: Path, keys: HashKeys = NO_KEYS) -> Learned:
    """How many rows a dataset of the sheet trains and validates on that are under any revocation. Raises as `held`."""
    ((train, validation),) = _found(connection, training_sheet_id, manifest, _ALL, keys) or [(0, 0)]
    return Learned(train, validation)


def rows_of(
    connection: Connection, revocation_id: str, training_sheet_id: str, manifest: Path, keys: HashKeys = NO_KEYS
) -> frozenset[tuple[str, str]]:
    """The pair ids and hashes, as they stand there, of the rows that a dataset of the sheet holds of one revocation.

    What nobody can compare is not among them. Raises `Unavailable` where the manifest cannot be read; where this
    revocation cannot concern the sheet, it is not read.
    """
    query = "SELECT DISTINCT pair_id, row_hash FROM found"
    found = _found(connection, training_sheet_id, manifest, query, keys, revocation_id=revocation_id)
    return frozenset((pair_id, row_hash) for pair_id, row_hash in found)


def example_hashes(
    connection: Connection, revocation_id: str, training_sheet_id: str, manifest: Path, keys: HashKeys = NO_KEYS
) -> frozenset[str]:
    """The hashes, as they stand there, of the examples that a dataset of the sheet knows of one revocation, also of
    rows that it refused. Raises as `rows_of`.
    """
    query = (
        "SELECT DISTINCT row_hash FROM (SELECT row_hash FROM hit UNION ALL SELECT row_hash FROM same WHERE is_sure"
        " UNION ALL SELECT row_hash FROM found WHERE (id, pair_id) NOT IN (SELECT (id, pair_id) FROM same))"
        " WHERE row_hash IS NOT NULL"
    )
    found = _found(connection, training_sheet_id, manifest, query, keys, revocation_id=revocation_id)
    return frozenset(row_hash for (row_hash,) in found)


def _found(
    connection: Connection,
    training_sheet_id: str,
    manifest: Path,
    counted: str,
    keys: HashKeys,
    *,
    revocation_id: str | None = None,
) -> list[tuple[Any, ...]]:
    """What `counted` says of the rows that were found, each with its revocation; nothing where there is none.

    Of one revocation only what can be compared is found; of all of them (None) it raises where something cannot.
    """
    asked = {"sheet": training_sheet_id, "one": revocation_id, "source": None}
    named = [*connection.execute(_NAMED, asked).tuples()]
    rows = connection.execute(_ROWS, asked).tuples().all()
    if not named and not rows:
        return []
    by_hash = any(kind in DIGITS for _, kind, _ in named)
    examples = connection.execute(_EXAMPLES, asked).tuples()
    named += [(one, "row_hash", hashed) for one, hashed, _ in examples if len(hashed) == DIGITS["row_hash"]]
    by_name = " UNION ALL ".join(
        f"SELECT id, pair_id, row_hash, questions, reason FROM every JOIN named ON kind = '{kind}' AND value = {column}"  # noqa: S608 - ours
        for kind, (column, _) in COLUMNS.items()
        if kind != "question_hash"
    )
    by_name += f"""
        UNION ALL SELECT id, pair_id, row_hash, questions, reason FROM every JOIN named ON kind = 'sheet'
        WHERE split IS NOT NULL
        UNION ALL SELECT id, pair_id, row_hash, questions, reason FROM every JOIN named ON kind = 'question_hash'
        AND list_contains(string_split(regexp_replace(questions, '[{MARKS}]', '', 'g'), ' '), value)
    """  # noqa: S608 - ours
    query = f"""
        WITH hit AS ({by_name}), each AS (SELECT *, unnest(hashes) AS one_hash FROM used), same AS (
            SELECT id, used.pair_id, used.row_hash, trains, true AS is_sure FROM hit JOIN used USING (row_hash)
            UNION ALL
            SELECT id, used.pair_id, used.row_hash, trains, count(*) OVER (PARTITION BY id, hit.pair_id) = 1
            FROM hit JOIN used USING (questions) WHERE {_LEARNED_AS_ANOTHER}
        ), found AS (
            SELECT id, pair_id, row_hash, trains FROM hit JOIN used USING (pair_id, row_hash)
            UNION SELECT id, pair_id, row_hash, trains FROM same
            UNION SELECT id, pair_id, row_hash, true FROM hit
            WHERE {_LEARNED_AS_ANOTHER} AND NOT EXISTS (SELECT 1 FROM used WHERE used.questions = hit.questions)
            UNION SELECT id, pair_id, row_hash, trains FROM each JOIN named ON kind = 'row_hash' AND value = one_hash
            UNION SELECT id, each.pair_id, each.row_hash, trains
            FROM each JOIN seen ON seen.pair_id = each.pair_id AND seen.row_hash IN (one_hash, '{ANY}')
            WHERE only_in IS NULL OR NOT trains
        )
        {counted}
    """  # noqa: S608 - our own names
    try:
        with pq.ParquetFile(manifest) as file:
            columns = [*_READ, *({_QUESTIONS, "hash_key"} & {*file.schema_arrow.names})]
            every = file.read(columns=columns)
        asked = every[_QUESTIONS] if _QUESTIONS in columns else pa.nulls(len(every), pa.string())
        stated = every.select(_READ).append_column("questions", asked)
        hash_key = every["hash_key"][0].as_py() if "hash_key" in columns and len(every) else None
        used = stated.filter(pc.is_valid(stated["split"]))
        key = None if hash_key is None else keys.read(hash_key)
        texts = None if hash_key is None or key is not None else _of_texts(manifest, used["split"])
        if hash_key is not None and key is None and texts is None and by_hash and revocation_id is None:
            raise Unavailable(
                f"Whether the manifest {manifest} has a row that was revoked by a hash is not known: the key of its "
                "hashes was destroyed, or cannot be read.",
                hint="Its pairs are found by their ids, items and labels.",
            )
        compared = _Compared(hash_key, key, texts is not None, keys)
        of_sheet = keys.of_sheet(training_sheet_id) if hash_key is None or texts is not None else None
        with duckdb.connect() as engine:
            engine.register("every", stated)
            engine.register("used", _hashed(used, texts, of_sheet))
            engine.register("named", _table(("id", "kind", "value"), [*compared.named(named)]))
            engine.register("seen", _table(("id", "pair_id", "row_hash", "only_in"), [*compared.seen(rows)]))
            return engine.execute(query).fetchall()
    except (OSError, pa.ArrowException, duckdb.Error) as error:
        raise lost_manifest(manifest, error) from error


class _Compared(NamedTuple):
    """What the hashes of a manifest are compared by: the id of their key, the key, and whether the text is there."""

    hash_key: str | None
    key: HashKey | None
    by_text: bool
    keys: HashKeys

    def named(self, named: Sequence[tuple[str, str, str]]) -> Iterator[tuple[str | None, ...]]:
        """What people revoked: a hash as it was given, and under the key."""
        for one, kind, value in named:
            yield one, kind, value
            if kind in DIGITS and self.key is not None:
                yield one, kind, self.key.of(value)

    def seen(self, rows: Sequence[tuple[str, str, str, str | None, str | None]]) -> Iterator[tuple[str | None, ...]]:
        """Rows that were seen changed. Where a hash cannot be compared, the pair is the same, whatever its text."""
        gone = {one for one in {row[4] for row in rows} if one is not None and self.keys.read(one) is None}
        for one, pair_id, row_hash, only_in, hash_key in rows:
            yield one, pair_id, row_hash, only_in
            if hash_key == self.hash_key:
                continue
            if hash_key is None and self.key is not None:
                yield one, pair_id, self.key.of(row_hash), only_in
            elif hash_key in gone or (self.hash_key is not None and (hash_key is not None or not self.by_text)):
                yield one, pair_id, ANY, only_in


def _hashed(used: pa.Table, texts: pa.Array | None, key: HashKey | None) -> pa.Table:
    """The rows with all `hashes` that each may be known by: as it stands there, of its text, under the sheet's key."""
    stored = used["row_hash"].to_pylist()
    plain = stored if texts is None else texts.to_pylist()
    known = [stored, *([] if texts is None else [plain]), *([] if key is None else [key.of_all(plain)])]
    hashes = pa.array([list(dict.fromkeys(each)) for each in zip(*known, strict=True)], pa.list_(pa.string()))
    trains = pc.equal(used["split"], "train")
    return used.drop_columns(["split", "reason"]).append_column("trains", trains).append_column("hashes", hashes)


def _of_texts(manifest: Path, split: pa.ChunkedArray) -> pa.Array | None:
    """The hashes of the rows without a key, from the text of the dataset; None where that is gone."""
    try:
        dataset = read_dataset(manifest.parent)
        return from_text(dataset, split) if has_text(dataset) else None
    except (NotFound, Unavailable, ValueError):
        return None


def named_in(
    connection: Connection, training_sheet_id: str, source_sheet: str | None = None
) -> Sequence[tuple[str, RevocableKind, str]]:
    """What people revoked in a training sheet, or in what it is made from: the revocation, the kind and the value."""
    asked = {"sheet": training_sheet_id, "one": None, "source": source_sheet}
    return [(one, kind, value) for one, kind, value in connection.execute(_NAMED, asked).tuples()]


def withdrawn(
    connection: Connection, training_sheet_id: str, keys: HashKeys = NO_KEYS, *, source_sheet: str | None = None
) -> Withdrawn:
    """What may not be trained on in a training sheet: everything for which `held` would name a revocation.

    A pair that is known by a hash whose key is gone stays out whatever its text: the hash cannot say that this is
    another one. `source_sheet` is what the training sheet is made from, beside those that its jobs name.
    """
    key = keys.of_sheet(training_sheet_id)
    asked = {"sheet": training_sheet_id, "one": None}
    named: list[tuple[RevocableKind, str]] = [
        (kind, value) for _, kind, value in named_in(connection, training_sheet_id, source_sheet)
    ]
    plain, keyed, barred, examples = [], [], [], []
    for _, hashed, hash_key in connection.execute(_EXAMPLES, asked).tuples():
        if hash_key is not None and (key is None or hash_key != key.id):
            continue  # its key is gone: the pairs that have it are known by their ids
        if len(hashed) == DIGITS["row_hash"]:
            named.append(("row_hash", hashed))
        else:
            examples.append(hashed)
    for _, pair_id, row_hash, only_in, hash_key in connection.execute(_ROWS, asked).tuples():
        row = (pair_id, row_hash, only_in is not None)
        if hash_key is None:
            plain.append(row)
        elif key is not None and hash_key == key.id:
            keyed.append(row)
        elif only_in is None:
            named.append(("pair", pair_id))
        else:
            barred.append(pair_id)
    return Withdrawn(
        tuple(dict.fromkeys(named)),
        tuple(plain),
        tuple(keyed),
        tuple(dict.fromkeys(barred)),
        key,
        tuple(dict.fromkeys(examples)),
    )


def _table(names: tuple[str, ...], rows: Sequence[tuple[str | None, ...]]) -> pa.Table:
    columns = [[row[place] for row in rows] for place in range(len(names))]
    return pa.table([pa.array(column, pa.string()) for column in columns], names=list(names))
