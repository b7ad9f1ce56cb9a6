"""Notes and tags on a job that exists: replaced at any time, with what was there before in an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training_pipeline.domain.annotations import plain_note, plain_tags
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.job import TrainingJob
from training_pipeline.training_jobs.store.events import EventType
from training_pipeline.training_jobs.store.jobs import JobStore

#: So much of a note is repeated in the message of its event; the data of the event has all of it.
_SHOWN = 120


def annotate(
    store: JobStore,
    job_id: str,
    *,
    actor: str,
    note: str | None = None,
    tags: Sequence[str] | None = None,
    add_tags: Sequence[str] | None = None,
    remove_tags: Sequence[str] | None = None,
) -> TrainingJob:
    """The job with this note and these tags; what is null stays. Idempotent.

    Tags are added to those that it has, or gets, and then removed, whatever others do at the same moment. Raises
    `InvalidRequest` with every problem, and `NotFound`.
    """
    gone = {one.strip() for one in remove_tags or ()}
    while True:
        job = store.get(job_id)
        wanted = None
        if tags is not None or add_tags or gone:
            held = job.tags if tags is None else tags
            wanted = [one for one in (*held, *(add_tags or ())) if one.strip() not in gone]
        wanted_note, wanted_tags = _checked(note, wanted)
        now = {
            "note": job.note if wanted_note is None else wanted_note,
            "tags": list(job.tags) if wanted_tags is None else wanted_tags,
        }
        before = {"note": job.note, "tags": list(job.tags)}
        if now == before:
            return job
        event = (EventType.INFO, _in_words(before, now))
        data = {"before": before, "now": now}
        changed = store.update(job_id, now, where=before, event=event, actor=actor, data=data)
        if changed is not None:  # else somebody else has written on it meanwhile
            return changed


def _checked(note: str | None, tags: Sequence[str] | None) -> tuple[str | None, list[str] | None]:
    problems: list[FieldProblem] = []
    plain: tuple[str | None, list[str] | None] = (None, None)
    try:
        plain = (None if note is None else plain_note(note), None)
    except ValueError as error:
        problems.append(FieldProblem("/note", "note", str(error)))
    try:
        plain = (plain[0], None if tags is None else plain_tags(list(tags)))
    except ValueError as error:
        problems.append(FieldProblem("/tags", "tags", str(error)))
    if problems:
        raise InvalidRequest("The training job cannot be annotated.", problems=problems)
    return plain


def _in_words(before: Mapping[str, object], now: Mapping[str, object]) -> str:
    said = []
    if now["note"] != before["note"]:
        first = str(now["note"]).partition("\n")[0]
        shown = first if len(first) <= _SHOWN else f"{first[: _SHOWN - 1]}…"
        said.append(f"Note: {shown}" if shown else "The note was removed.")
    if now["tags"] != before["tags"]:
        tags = now["tags"] if isinstance(now["tags"], list) else []
        said.append(f"Tags: {', '.join(tags)}." if tags else "The tags were removed.")
    return " ".join(said)
