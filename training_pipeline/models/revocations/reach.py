"""What a revocation by hash can reach: the hashes under keys that can be read."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from training_pipeline.domain.errors import FieldProblem, InvalidRequest, Unavailable
from training_pipeline.domain.hash_key import HashKeys
from training_pipeline.domain.revocations import Revoked
from training_pipeline.domain.uses import DIGITS, NotSearched
from training_pipeline.models.uses.ask import not_searched
from training_pipeline.models.uses.keys import key_of

_KEYED: Final = (
    "SELECT DISTINCT s.training_sheet_id FROM use_rows AS r JOIN use_datasets AS d USING (sheet_no, slot)"
    " JOIN use_sheets AS s USING (sheet_no) WHERE d.hash_key IS NOT NULL AND {} ORDER BY 1"
)
_BY_KIND: Final = {
    "row_hash": text(_KEYED.format("r.row_key = :key")),
    "question_hash": text(
        _KEYED.format(
            "(r.question_key = :key OR (r.sheet_no, r.row_no) IN"
            " (SELECT sheet_no, row_no FROM use_questions WHERE question_key = :key))"
        )
    ),
}
_UNREADABLE: Final = text(
    "SELECT DISTINCT s.training_sheet_id FROM use_datasets AS d JOIN use_sheets AS s USING (sheet_no)"
    " LEFT JOIN hash_keys AS k ON k.id = d.hash_key WHERE d.recorded_at IS NOT NULL AND d.hash_key IS NOT NULL"
    " AND k.destroyed_at IS NULL AND d.hash_key <> ALL(:readable)"
    " AND (CAST(:sheet AS text) IS NULL OR s.training_sheet_id = :sheet) ORDER BY 1"
)


def require_one_sheet(connection: Connection, asked: Revoked) -> None:
    """Raise `InvalidRequest` for a hash under the key of one sheet that is to be revoked in every sheet.

    It would be found in that one alone, and look as if no other had the text.
    """
    if (asked.kind != "row_hash" and asked.kind != "question_hash") or asked.training_sheet_id is not None:
        return
    sheets = connection.execute(_BY_KIND[asked.kind], {"key": key_of(asked.kind, asked.value)}).scalars().all()
    if sheets:
        problem = FieldProblem("/sheet", "required", f"the hash is under the key of training sheet {sheets[0]!r}")
        raise InvalidRequest(
            "A hash under a key reaches the training sheet of that key alone.",
            hint="Name the sheet, or give the hash of the text itself, which reaches every sheet.",
            problems=[problem],
        )


def require_keys(connection: Connection, asked: Revoked, keys: HashKeys) -> None:
    """Raise `Unavailable` where a hash would be looked for under a key that lives and cannot be read now."""
    if asked.kind not in DIGITS:
        return
    readable = sorted(key.id for key in keys.readable())
    there = {"readable": readable, "sheet": asked.training_sheet_id}
    if sheets := connection.execute(_UNREADABLE, there).scalars().all():
        raise Unavailable(
            f"The keys of these training sheets cannot be read: {', '.join(sheets)}. Which models learned from the "
            "row is not known.",
            hint="Restore them from the backup of `keys/`, or revoke the pair, the item or the label.",
        )


def unsearched(connection: Connection, asked: Revoked, keys: HashKeys) -> tuple[NotSearched, ...]:
    """The training sheets in which nobody can look for the hash. Reads only."""
    if asked.kind not in DIGITS:
        return ()
    every = not_searched(connection, None, {key.id for key in keys.readable()})
    return tuple(one for one in every if asked.training_sheet_id in {None, one.training_sheet_id})
