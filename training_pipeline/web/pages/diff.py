"""/train/jobs/{id}/diff/{other}: what changed from one job to another. Its filter and its page stand in the URL."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.pair_change import MEANINGS, PairChange
from training_pipeline.schemas.diff import FieldDifference, PairDifference, TrainingJobDiff
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, empty, link, panel, small_table
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.pair_cells import state_words, who
from training_pipeline.web.site import Site

PAGE: Final = 50
#: Letters of a SHA-256.
DIGEST: Final = 64


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/jobs/{job_id}/diff/{other_id}")
    async def diff(request: Request, job_id: str, other_id: str) -> None:
        client = site.client(request)
        stated = request.query_params.get("change", "")
        kind = PairChange(stated) if stated in set(PairChange) else None
        try:
            found = await client.diff(
                job_id,
                other_id,
                changes=() if kind is None else (kind,),
                page_size=PAGE,
                cursor=request.query_params.get("cursor"),
            )
        except NotFound as error:
            show_not_found(site, client.caller, error)
            return
        except PipelineError as error:
            with frame("Compare jobs", site, client.caller):
                problem(error, title="These jobs cannot be compared")
            return
        with frame(f"{job_id} and {other_id}", site, client.caller):
            _head(found)
            _fields(found.fields, found)
            _pairs(found, kind)


def _head(found: TrainingJobDiff) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Train", urls.HOME)
        Tag("span", "/", aria_hidden="true")
        link(found.second_job_id, urls.job(found.second_job_id, "lineage"))
        Tag("span", "/", aria_hidden="true")
        Tag("span", "What changed", aria_current="page")
    with Tag("div", classes="page-head"), Tag("div"):
        Tag("h1", "What changed")
        with Tag("p", classes="lede"):
            Tag("span", "From ")
            link(found.first_job_id, urls.job(found.first_job_id))
            Tag("span", " to ")
            link(found.second_job_id, urls.job(found.second_job_id))
            Tag("span", ". ")
            link("The other way round", urls.diff(found.second_job_id, found.first_job_id))


def _fields(fields: list[FieldDifference], found: TrainingJobDiff) -> None:
    with panel("Other differences", name="fields"):
        if not fields:
            empty("check", "Nothing else differs.", "Configuration, base model, sheet and gates are the same.")
            return
        with small_table("Differences", ["What", found.first_job_id, found.second_job_id]):
            for field in fields:
                with Tag("tr"):
                    Tag("td", field.field, classes="mono strong")
                    for value in (field.before, field.after):
                        Tag("td", _words(value), classes="mono", title=str(value or "") or None)


def _words(value: object) -> str:
    """A value in a cell: of a digest the beginning, with the whole of it on hover."""
    text = "" if value is None else str(value)
    return text[:12] + "…" if len(text) == DIGEST else text or formats.NONE


def _pairs(found: TrainingJobDiff, kind: PairChange | None) -> None:
    first, second = found.first_job_id, found.second_job_id
    with panel("Pairs", name="pairs"):
        with Tag("nav", classes="chips apart", aria_label="Kind of change"):
            everything = link("all", urls.diff(first, second), classes="chip")
            everything.set(aria_current=None if kind else "page")
            for change in PairChange:
                chip = Tag("a", classes="chip", href=urls.diff(first, second, change=change), title=MEANINGS[change])
                chip.set(aria_current="page" if change is kind else None)
                with chip:
                    Tag("span", change)
                    Tag("span", formats.count(getattr(found.counts, change)), classes="chip-count")
        if not found.pairs:
            empty("check", "No pairs changed." if kind is None else f"No pairs {kind}.")
            return
        with small_table("Changed pairs", ["Pair", "Change", "Before", "After", "Approved by", "Usage set by"]):
            for pair in found.pairs:
                _row(pair)
        if found.next_cursor:
            with Tag("div", classes="pager"):
                link(
                    "Next",
                    urls.diff(first, second, change=kind or "", cursor=found.next_cursor),
                    classes="button small",
                )


def _row(pair: PairDifference) -> None:
    with Tag("tr"):
        with Tag("td", classes="mono strong"):
            Tag("span", pair.pair_id)
            if pair.before and pair.before.pair_id != pair.pair_id:
                Tag("span", f"was {pair.before.pair_id}", classes="sub")
        Tag("td", ", ".join(pair.changes))
        Tag("td", state_words(pair.before))
        Tag("td", state_words(pair.after))
        decided = pair.after or pair.before
        for name in ("reviewed", "constraints_set"):
            who(getattr(decided, f"{name}_by", None), getattr(decided, f"{name}_at", None))
