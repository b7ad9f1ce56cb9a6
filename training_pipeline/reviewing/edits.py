"""Edits of a training sheet's pairs: compared with what the steward saw, logged, and then the sheet's new version."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, NotFound, Unavailable
from training_pipeline.domain.hash_key import NO_KEYS, HashKeys
from training_pipeline.domain.pair_edit import PairEdit, PairFacts, edited, faults, restored, told
from training_pipeline.domain.usage import constraints_from_tags
from training_pipeline.infra.file_lock import hold_directory
from training_pipeline.infra.files import is_file, sha256, sync
from training_pipeline.reviewing.log import EditedPair, EditLog, EditState, SheetEdit
from training_pipeline.reviewing.rewriting import Pair, is_ours, pairs_of, rewrite
from training_pipeline.sheets.files.replacing import left_over, put_in_place, writing
from training_pipeline.sheets.files.sheet_files import SheetFiles, digest_of
from training_pipeline.sheets.files.source import FileTrainingSheets
from training_pipeline.sheets.files.versions import FOLDER, Version
from training_pipeline.sheets.head import write_head

#: The versions that so many of the latest edits took the place of are kept, and with them what undo needs.
MOST_KEPT: Final = 100
_TELLS: Final = 20

#: Makes what a pair becomes of what it is, by its id.
Change = Callable[[str, Pair], Pair]


class SheetEdits:
    """Edits sheets in one directory; null for it where sheets are not kept in files of ours."""

    def __init__(self, log: EditLog, directory: Path | None, keys: HashKeys = NO_KEYS) -> None:
        self.log = log
        self._directory = directory
        self._keys = keys

    def refusal(self, sheet_id: str) -> str | None:
        """Why the pairs of a sheet cannot be edited here; null where they can. Reads only.

        Raises what `FileTrainingSheets.files` does for a sheet of ours that cannot be read.
        """
        directory = self._directory
        if directory is None:
            return "The pairs of this training sheet are in tables of Unity Catalog. Change them there."
        if not is_file(directory / f"{sheet_id}.yaml"):
            return "This training sheet comes with the program. Import your own to review it."
        files = FileTrainingSheets([directory]).files(sheet_id)
        if files.head.pairs_file is None or not is_ours(files.data):
            return (
                f"The pairs of this training sheet are in {files.data.name}, which belongs to whoever wrote it. "
                "Change that file, or take the sheet over to review it here: the file is kept as a version of it."
            )
        return None

    def edit(self, sheet_id: str, pair_ids: Sequence[str], edit: PairEdit, *, digest: str, actor: str) -> SheetEdit:
        """Edit these pairs, as they were in the version that was seen. One edit for all of them, or none.

        Raises `InvalidRequest` with everything that is wrong at once, and `Conflict` with what changed where one of the
        pairs is no longer what was seen, or the sheet was replaced meanwhile; or where its pairs are not ours.
        """
        if edit.is_empty:
            raise _invalid([FieldProblem("", "missing", "says nothing to change")])
        if edit.answer is not None and len(pair_ids) != 1:
            raise _invalid([FieldProblem("/answer", "one_pair", "can be set for one pair at a time")])
        at = _now()
        with self._ours(sheet_id) as files:
            now = self._compared(files, digest, pair_ids)
            before = self._found(files, pair_ids)
            tags = constraints_from_tags(files.head.tags)
            problems = [
                FieldProblem(f"/{field}", code, f"{pair_id}: {message}")
                for pair_id, pair in before.items()
                for field, code, message in faults(pair, edit, tags)
            ]
            if problems:
                raise _invalid(problems)
            after = {pair_id: edited(pair, edit, actor=actor, at=at) for pair_id, pair in before.items()}
            return self._write(files, now, before, after, actor=actor)

    def undo(self, sheet_id: str, number: int, *, digest: str, actor: str) -> SheetEdit:
        """Make the pairs of an edit what they were before it: an edit of its own, which may be undone, too.

        Raises `NotFound`, and `Conflict` where the edit did not take effect or was undone, where one of its pairs was
        changed since, and where the version before it is no longer kept.
        """
        at = _now()
        with self._ours(sheet_id) as files:
            undone = self.log.get(sheet_id, number)
            if undone.state != "applied" or undone.undone_by is not None:
                why = "did not take effect" if undone.undone_by is None else f"was undone by edit {undone.undone_by}"
                raise Conflict(f"Edit {number} {why}: there is nothing to undo.")
            pair_ids = [pair.pair_id for pair in undone.edited]
            now = self._compared(files, digest, pair_ids)
            here = self._found(files, pair_ids)
            changed = [one for one in undone.edited if not self._is_still(here[one.pair_id], one.after)]
            if changed:
                raise _changed(sheet_id, [(one, "changed after this edit") for one in changed])
            kept = files.head_file.parent / FOLDER / f"{sheet_id}@{undone.old_digest[:12]}" / undone.old_file
            if not is_file(kept):
                hint = "Edit the pairs instead. The log shows what they were, without their texts."
                raise Conflict(f"The version before edit {number} is no longer kept.", hint=hint)
            before = {pair_id: rows[0] for pair_id, rows in pairs_of(kept, pair_ids).items()}
            after = {pair_id: restored(here[pair_id], before[pair_id], actor=actor, at=at) for pair_id in pair_ids}
            return self._write(files, now, here, after, actor=actor, undoes=number)

    def _is_still(self, pair: Pair, facts: PairFacts) -> bool:
        """Whether a pair is what the log says; raises `Conflict` where the key of its hash is gone: nobody can say."""
        key = None if facts.hash_key is None else self._keys.read(facts.hash_key)
        if facts.hash_key is not None and key is None:
            hint = "Edit the pairs instead. The log shows what they were, without their texts."
            raise Conflict(
                "The key of the log's hashes is gone: whether the pairs are as they were is not known.", hint=hint
            )
        return PairFacts.of(pair, key) == facts

    def pair(self, sheet_id: str, pair_id: str) -> Pair:
        """A pair that may be edited, as it is; raises `Conflict` and `InvalidRequest` as an edit does. Reads only."""
        with self._ours(sheet_id) as files:
            return self._found(files, [pair_id])[pair_id]

    def settle(self, sheet_id: str) -> None:
        """Record of edits that something stopped what became of them, unless somebody is writing at this moment."""
        if self._directory is None or not self.log.intended(sheet_id):
            return
        with suppress(Conflict, NotFound), hold_directory(self._directory, wait=False):
            files = FileTrainingSheets([self._directory]).files(sheet_id)
            self._settle(files, digest_of(files))

    def digest(self, sheet_id: str) -> str | None:
        """The version of a sheet that can be edited; null for another. Reads only."""
        if self._directory is None or self.refusal(sheet_id) is not None:
            return None
        return digest_of(FileTrainingSheets([self._directory]).files(sheet_id))

    @contextmanager
    def _ours(self, sheet_id: str) -> Iterator[SheetFiles]:
        """The files of a sheet that may be edited, while nobody else writes there."""
        directory = self._directory
        if directory is None or not directory.is_dir():
            raise Conflict(self.refusal(sheet_id) or "")
        with hold_directory(directory):
            if (why := self.refusal(sheet_id)) is not None:
                raise Conflict(why)
            yield FileTrainingSheets([directory]).files(sheet_id)

    def _compared(self, files: SheetFiles, seen: str, pair_ids: Sequence[str]) -> str:
        """The digest of the sheet as it is, in which these pairs are as they were in the version that was seen."""
        now = digest_of(files)
        self._settle(files, now)
        if now == seen:
            return now
        edits = self.log.since(files.id, seen, pair_ids=pair_ids)
        reached = seen
        for one in edits:
            if one.old_digest != reached:
                break
            reached = one.new_digest
        if reached != now:
            hint = "Review it again, and repeat your edits."
            raise Conflict(f"Training sheet '{files.id}' has been replaced or approved since you opened it.", hint=hint)
        if any(one.edited for one in edits):
            raise _changed(
                files.id,
                [(pair, f"changed by {one.actor} in edit {one.number}") for one in edits for pair in one.edited],
            )
        return now

    def _settle(self, files: SheetFiles, now: str) -> None:
        """Say of every intention what came of it, as far as the sheet tells. To be called by who holds the lock."""
        for one in self.log.intended(files.id):
            state: EditState | None = None
            if now == one.new_digest or files.data.name == one.new_file:
                state = "applied"
            elif now == one.old_digest or files.data.name == one.old_file:
                state = "abandoned"
            if state is not None:
                self.log.settle(one.number, state)

    def _found(self, files: SheetFiles, pair_ids: Sequence[str]) -> dict[str, Pair]:
        found = pairs_of(files.data, pair_ids)
        problems = [
            FieldProblem(
                f"/pair_ids/{place}",
                "unknown_pair" if not found[pair_id] else "duplicate_pair_id",
                f"there is no pair '{pair_id}'"
                if not found[pair_id]
                else f"'{pair_id}' stands {len(found[pair_id])} times; import the sheet with an id for each pair",
            )
            for place, pair_id in enumerate(pair_ids)
            if len(found[pair_id]) != 1
        ]
        if problems:
            raise _invalid(problems)
        return {pair_id: found[pair_id][0] for pair_id in dict.fromkeys(pair_ids)}

    def _write(
        self,
        files: SheetFiles,
        now: str,
        before: Mapping[str, Pair],
        after: Mapping[str, Pair],
        *,
        actor: str,
        undoes: int | None = None,
    ) -> SheetEdit:
        """Write the intention, put the new version in place, and say that it is there. Whatever stops this leaves the
        old version or the new one, with its entry in the log.
        """
        directory = files.head_file.parent
        try:
            with writing(files.head_file) as written:
                rewrite(files.data, written, after)
                data = directory / f"{files.id}@{sha256(written)[:12]}.parquet"
                head = files.head.model_copy(update={"pairs_file": data.name})
                content = write_head(head)
                made = digest_of(SheetFiles(files.id, files.head_file, content, head, written))
                key = self._keys.of_sheet(files.id)
                number = self.log.intend(
                    files.id,
                    digests=(now, made),
                    files=(files.data.name, data.name),
                    pairs=[
                        EditedPair(one, PairFacts.of(before[one], key), PairFacts.of(after[one], key)) for one in after
                    ],
                    actor=actor,
                    undoes=undoes,
                )
                old = Version(f"{files.id}@{now[:12]}", files)
                put_in_place(files.head_file, content, written, data, old=old)
                for path in {*left_over(files.head_file)} - {data}:
                    path.unlink(missing_ok=True)
                sync(directory)
        except OSError as error:
            hint = "Check that there is space and that you may write there; then try again."
            raise Unavailable(f"The training sheet cannot be written: {error.strerror}.", hint=hint) from error
        with suppress(Unavailable):  # who reads the log next finds out
            self.log.settle(number, "applied")
            self._forget(files)
        return self.log.get(files.id, number)

    def _forget(self, files: SheetFiles) -> None:
        """Remove versions that only edits made, but those of the latest. What was imported stays."""
        for digest in self.log.outdated(files.id, latest=MOST_KEPT):
            kept = files.head_file.parent / FOLDER / f"{files.id}@{digest[:12]}"
            shutil.rmtree(kept, ignore_errors=True)


def _changed(sheet_id: str, pairs: Sequence[tuple[EditedPair, str]]) -> Conflict:
    """The error for pairs that are no longer what somebody saw, with what became of them."""
    problems = [
        FieldProblem("/pair_ids", "changed", f"{pair.pair_id}: {how}: {told(pair.before, pair.after)}")
        for pair, how in pairs[:_TELLS]
    ]
    more = f" and {len(pairs) - _TELLS:,} more" if len(pairs) > _TELLS else ""
    return Conflict(
        f"Pairs of training sheet '{sheet_id}' have changed since you opened them{more}.",
        hint="Review them as they are now, and repeat the edits that you still want.",
        problems=problems,
    )


def _invalid(problems: Sequence[FieldProblem]) -> InvalidRequest:
    shown = list(problems[:_TELLS])
    if len(problems) > _TELLS:
        shown.append(FieldProblem("", "more", f"and {len(problems) - _TELLS:,} more like these"))
    return InvalidRequest("Nothing was changed.", problems=shown)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
