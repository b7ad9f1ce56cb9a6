"""/train/estimates: how good estimates of training time have been."""

from __future__ import annotations

from typing import Final

from fastapi import Request
from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.estimate.quality import LEAST
from training_pipeline.schemas.estimates import EstimatedJob, EstimateQuality, EstimatesSoFar, KindQuality
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, empty, link, moment, panel, small_table, text_fact
from training_pipeline.web.form.estimate import amount
from training_pipeline.web.layout import frame, problem
from training_pipeline.web.site import Site

TITLE: Final = "Estimates"
#: So many jobs are listed.
ROWS: Final = 100
_COSTS: Final = ("Estimated cost", "Actual cost")


def register(site: Site) -> None:
    """Add the page."""

    @ui.page("/estimates")
    async def estimates(request: Request) -> None:
        client = site.client(request)
        try:
            found = await client.estimates()
        except PipelineError as error:
            with frame(TITLE, site, client.caller):
                problem(error, title="Estimates cannot be shown")
            return
        with frame(TITLE, site, client.caller):
            with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
                link("Train", urls.HOME)
                Tag("span", "/", aria_hidden="true")
                Tag("span", TITLE, aria_current="page")
            with Tag("div", classes="page-head"), Tag("div"):
                Tag("h1", TITLE)
                said = "How good they have been. Each was made when its job was created, from the jobs before it."
                Tag("p", said, classes="lede")
            _overall(found)
            _kinds(found.kinds)
            _jobs(found.jobs)


def _overall(found: EstimatesSoFar) -> None:
    one = found.overall
    with Tag("dl", classes="panel figures"):
        text_fact("Jobs with an estimate", formats.count(one.jobs))
        text_fact(f"Within the interval, of {_percent(found.coverage)} meant", _share(one))
        text_fact("Median error", _error(one))
        text_fact("Jobs without one", formats.count(found.without))


def _kinds(kinds: list[KindQuality]) -> None:
    with panel("By model, method and machine", name="kinds"):
        if not kinds:
            empty("clock", "No succeeded job has had an estimate of its time yet.")
            return
        titles = ["Base model", "Method", "Machine", "Jobs", "Within the interval", "Median error"]
        with small_table("Kinds of jobs", titles, numbers=titles[3:]):
            for kind in kinds:
                with Tag("tr"):
                    Tag("td", kind.base_model)
                    Tag("td", kind.method)
                    Tag("td", kind.machine)
                    Tag("td", formats.count(kind.jobs), classes="number")
                    Tag("td", _share(kind), classes="number")
                    Tag("td", _error(kind), classes="number")


def _jobs(jobs: list[EstimatedJob]) -> None:
    if not jobs:
        return
    with panel("Job by job", name="jobs") as head:
        if len(jobs) > ROWS:
            with head:
                Tag("span", f"the newest {ROWS} of {formats.count(len(jobs))}", classes="muted")
        costs = any(job.estimated_cost is not None or job.actual_cost is not None for job in jobs)
        titles = ["Job", "Created", "Estimated", "Interval", "Actual", "Off by", *_COSTS * costs, "Within"]
        with small_table("Estimates of jobs", titles, numbers=titles[2:-1]):
            for job in jobs[:ROWS]:
                with Tag("tr"):
                    with Tag("td"):
                        link(job.model_name, urls.job(job.job_id))
                    with Tag("td"):
                        moment(job.created_at)
                    Tag("td", formats.seconds(job.estimated_seconds), classes="number")
                    interval = f"{formats.seconds(job.low_seconds)} to {formats.seconds(job.high_seconds)}"
                    Tag("td", interval, classes="number")
                    Tag("td", formats.seconds(job.actual_seconds), classes="number")
                    Tag("td", f"{100 * job.error:+.0f} %", classes="number")
                    for cost in (job.estimated_cost, job.actual_cost) if costs else ():
                        Tag("td", formats.NONE if cost is None else amount(cost, job.currency), classes="number")
                    Tag("td", "yes" if job.within else "no")


def _share(one: EstimateQuality) -> str:
    if one.share is None or one.share_low is None or one.share_high is None:
        return f"{one.within} of {one.jobs}: too few to tell, fewer than {LEAST}" if one.jobs else "none yet"
    return f"{_percent(one.share)} ({_percent(one.share_low)} to {_percent(one.share_high)})"


def _error(one: EstimateQuality) -> str:
    return "too few to tell" if one.median_error is None else _percent(one.median_error)


def _percent(share: float) -> str:
    return formats.percent(100 * share)
