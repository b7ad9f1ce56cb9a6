"""Revocations in a terminal: a list of them, one with the models that it taints, and what one would taint."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render.uses import places
from training_pipeline.domain.uses import WORDS
from training_pipeline.schemas.revocation import (
    Revocation,
    RevocationDetails,
    RevocationPage,
    RevocationPreview,
    Taint,
    UnreadDataset,
)


def preview_of(found: RevocationPreview) -> RenderableType:
    """What a revocation would taint."""
    parts: list[RenderableType] = []
    if found.known is not None:
        parts.append(Text(f"It is revoked already: {found.known}.", "yellow"))
    searched = ", as far as could be searched" if found.not_searched or found.unread_datasets else ""
    parts.append(_models("It will taint", found.taints, f"Nothing learned from it{searched}."))
    if found.jobs_in_progress:
        jobs = ", ".join(found.jobs_in_progress)
        parts.append(Text(f"Training jobs in progress that will not be registered: {jobs}"))
    for one in found.not_searched:
        said = f"Not known: models of training sheet {one.training_sheet_id} ({one.hash_key}): {one.why}."
        parts.append(Text(said, "yellow"))
    return Group(*parts, *_unread(found.unread_datasets))


def revocation_of(found: RevocationDetails) -> RenderableType:
    """A revocation, and every model that it taints."""
    head = Text.assemble((found.id, "bold"), f"  {what(found)}\n", (f"{found.reason}\n", ""))
    head.append(f"{found.source.replace('_', ' ')}, recorded by {found.actor} {found.created_at:%Y-%m-%d %H:%M}", "dim")
    none = "No model is tainted by it so far." if found.unread else "No model is tainted by it."
    parts: list[RenderableType] = [head, _models("Tainted", found.taints, none), *_unread(found.unread_datasets)]
    if found.pair_ids:
        more = f" and {found.pairs - len(found.pair_ids):,} more" if found.pairs > len(found.pair_ids) else ""
        parts.append(Text(f"Pairs: {', '.join(found.pair_ids)}{more}"))
    return Group(*parts)


def page_of(page: RevocationPage) -> RenderableType:
    """A list of revocations, newest first."""
    if not page.revocations:
        return Text("Nothing was revoked.")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("id", "what", "source", "by", "models tainted"):
        table.add_column(column, overflow="fold")
    for one in page.revocations:
        tainted = f"{one.tainted:,}" + (f", not known of {one.unread:,} datasets" if one.unread else "")
        table.add_row(one.id, Text(what(one)), one.source.replace("_", " "), Text(one.actor), tainted)
    if page.next_cursor is None:
        return table
    return Group(table, Text(f"{page.total:,} in all; more with --cursor {page.next_cursor}", "dim"))


def what(one: Revocation) -> str:
    """What was revoked, in words."""
    if one.kind == "rows":
        return f"{one.pairs:,} pairs of training sheet {one.training_sheet_id}"
    where = f" of training sheet {one.training_sheet_id}" if one.training_sheet_id else ""
    return f"{WORDS[one.kind]} {one.value}{where}"


def _unread(datasets: Sequence[UnreadDataset]) -> list[Text]:
    said = "Not known: models of dataset {} of training sheet {}. {} They are tainted once it can be read."
    return [Text(said.format(one.dataset_digest, one.training_sheet_id, one.why), "yellow") for one in datasets]


def _models(title: str, taints: Sequence[Taint], none: str) -> RenderableType:
    if not taints:
        return Text(none)
    table = Table(box=None, pad_edge=False, header_style="dim", title=title, title_justify="left")
    columns = ("model", "version", "training job", "train", "validation", "inherited from", "in use", "clean successor")
    for column in columns:
        table.add_column(column, overflow="fold")
    for taint in taints:
        version, inherited = taint.model_version or "artifact", ", ".join(taint.inherited_from) or "-"
        rows = (f"{taint.train:,}", f"{taint.validation:,}")
        used = Text(places(taint.in_use))
        later = taint.clean_successor or "-"
        table.add_row(Text(taint.model_name), version, taint.job_id, *rows, inherited, used, later)
    return table
