"""Registered model versions as the REST API answers them, for a terminal: the list, one of them, its checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training_pipeline.cli.render import estimate
from training_pipeline.cli.render.evaluations import evaluation_of
from training_pipeline.cli.render.job import facts, figure
from training_pipeline.cli.render.jobs import more
from training_pipeline.cli.render.lineage import SHORT
from training_pipeline.domain.lineage import NOT_RECORDED
from training_pipeline.domain.model_version import Cleanness, Outcome, VersionState

if TYPE_CHECKING:
    from training_pipeline.schemas.model_version import (
        Approvals,
        EndpointUse,
        ModelVersion,
        ModelVersionDetails,
        ModelVersionPage,
        ModelVersionVerification,
        RetrainProposal,
        Steward,
    )

_STATES: Final = {
    VersionState.REGISTERED: "green",
    VersionState.UNFINISHED: "yellow",
    VersionState.TAINTED: "bold red",
    VersionState.WITHDRAWN: "red",
}
_OUTCOMES: Final = {Outcome.PASS: "green", Outcome.FAIL: "bold red", Outcome.UNKNOWN: "yellow"}
_VERDICTS: Final = {
    Cleanness.CLEAN: ("It is clean.", "green"),
    Cleanness.NOT_CLEAN: ("It is NOT clean.", "bold red"),
    Cleanness.UNKNOWN: ("Not everything could be checked, so it is unknown whether it is clean.", "yellow"),
}
#: So many evaluations are shown in a terminal; all are in the JSON.
_EVALUATIONS: Final = 3
#: So many stewards are named in a terminal; all are in the JSON.
_STEWARDS: Final = 8


def versions(page: ModelVersionPage) -> RenderableType:
    """Versions, one per line."""
    shown = _table("model", "version", "state", "aliases", "sheet", "pairs", "registered", "training job")
    for one in page.model_versions:
        shown.add_row(
            Text(one.name),
            one.version,
            Text(one.state, _STATES[one.state]),
            Text(", ".join(one.aliases) or "-"),
            Text(one.training_sheet_id),
            _pairs(one),
            _day(one.registered_at),
            one.job_id,
        )
    parts: list[RenderableType] = [shown]
    if page.aliases_unavailable:
        parts.append(Text(f"{page.aliases_unavailable} Aliases are those that were seen last.", "yellow"))
    return Group(*parts, *more(len(page.model_versions), page.total, page.next_cursor))


def details(found: ModelVersionDetails) -> RenderableType:
    """All that is on record of one version."""
    grid = facts()
    grid.add_row("model", Text.assemble(f"{found.name} version {found.version}  ", (found.state, _STATES[found.state])))
    for reason in found.reasons:
        grid.add_row("", Text(reason, "red"))
    if found.retrain is not None:
        grid.add_row("retrain", Text(_retrain(found, found.retrain)))
        if found.retrain.launched_job_id is None:
            grid.add_row("its training time", Text(estimate.time(found.retrain.estimate)))
            grid.add_row("its cost", Text(estimate.cost(found.retrain.estimate)))
    grid.add_row("training job", f"{found.job_id}, created by {found.created_by}, ended {_day(found.registered_at)}")
    grid.add_row("training sheet", Text(f"{found.training_sheet_name} ({found.training_sheet_id})"))
    grid.add_row("made from", Text(f"sheet {found.sheet_id}, prompt template {found.template_id}"))
    grid.add_row("dataset", Text(f"{found.dataset_digest[:SHORT]}  {_pairs(found)} pairs in train + validation"))
    grid.add_row("loss", f"{figure(found.train_loss)}, validation {figure(found.val_loss)}")
    if found.approvals is None:
        grid.add_row("allowed by", Text(found.manifest_problem or NOT_RECORDED, "red"))
    else:
        for title, words in _allowed(found.approvals):
            grid.add_row(title, words)
    for title, words in (*_chain(found), *_used(found)):
        grid.add_row(title, words)
    grid.add_row("files", Text(found.location or f"unknown: {found.location_problem}"))
    parts: list[RenderableType] = [grid]
    if found.files:
        files = _table("file", "bytes", "SHA-256")
        for file in found.files:
            files.add_row(Text(file.path), "-" if file.bytes is None else f"{file.bytes:,}", file.sha256)
        parts += [Text(""), files]
    for evaluation in found.evaluations[:_EVALUATIONS]:
        parts += [Text(""), evaluation_of(evaluation, slices=False)]
    if found.snippet:
        parts += [Text(""), Text("Load it:", style="dim"), Text(found.snippet.rstrip())]
    return Group(*parts)


def verification(found: ModelVersionVerification) -> RenderableType:
    """The checks, one per line, and what comes of them."""
    shown = Table(box=None, pad_edge=False, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column(no_wrap=True)
    shown.add_column(overflow="fold")
    for check in found.checks:
        shown.add_row(Text(check.outcome, _OUTCOMES[check.outcome]), check.name, Text(check.message))
    words, style = _VERDICTS[found.verdict]
    return Group(shown, Text(f"{found.name} version {found.version}: {words}", style))


def endpoints(found: Sequence[EndpointUse]) -> RenderableType:
    """Where a version is or was served."""
    if not found:
        return Text("No endpoint is recorded.")
    shown = _table("endpoint", "since", "until", "recorded by")
    for one in found:
        until = "now" if one.until is None else _day(one.until)
        shown.add_row(Text(one.url), _day(one.since), until, Text(recorded_by(one)))
    return shown


def recorded_by(one: EndpointUse) -> str:
    """Who says that an endpoint serves a version, and who said that it is over."""
    said = one.added_by or f"the workspace {one.workspace}"
    return said if one.removed_by is None else f"{said}, removed by {one.removed_by}"


def _retrain(found: ModelVersionDetails, proposal: RetrainProposal) -> str:
    if proposal.launched_job_id is not None:
        return f"launched by {proposal.launched_by}: {proposal.launched_job_id}"
    known = proposal.train is not None and proposal.validation is not None
    rows = f"{proposal.train:,} rows in train and {proposal.validation:,} in validation" if known else "the rows"
    said = f"without {rows}: training-pipeline models retrain {found.name} {found.version}"
    return said if proposal.tainted_base is None else f"{said}, from {proposal.request['base_model']}"


def _allowed(approvals: Approvals) -> Iterator[tuple[str, RenderableType]]:
    yield "approved by", _stewards(approvals.reviewed_by, approvals.reviewed_missing)
    yield "usage set by", _stewards(approvals.constraints_set_by, approvals.constraints_missing)


def _stewards(stewards: Sequence[Steward], missing: int) -> Text:
    named = [f"{one.name} {one.pairs:,}" for one in stewards[:_STEWARDS]]
    if len(stewards) > _STEWARDS:
        rest = stewards[_STEWARDS:]
        named.append(f"{len(rest):,} others {sum(one.pairs for one in rest):,}")
    words = Text(", ".join(named))
    if missing:
        words.append(f"{', ' if named else ''}nobody on record {missing:,}", style="yellow")
    return words


def _chain(found: ModelVersionDetails) -> Iterator[tuple[str, RenderableType]]:
    if found.ancestors is None:
        yield "base model", Text(f"{found.base_model}, where it comes from is {NOT_RECORDED}")
    elif not found.ancestors:
        yield "base model", Text(f"{found.base_model}, not registered here")
    for title, one in zip(_once("base models"), found.ancestors or (), strict=False):
        base = one.base_model if one.base_recorded else f"{one.base_model} ({NOT_RECORDED})"
        yield title, Text(f"{one.name} {_number(one.version)} of {one.job_id}, trained from {base}")
    for title, below in zip(_once("descendants"), found.descendants, strict=False):
        through = f", through {', '.join(below.through[1:])}" if below.through[1:] else ""
        yield title, Text(f"{below.name} {_number(below.version)} of {below.job_id} ({below.status}){through}")


def _used(found: ModelVersionDetails) -> Iterator[tuple[str, RenderableType]]:
    for title, alias in zip(_once("aliases"), found.alias_uses, strict=False):
        yield title, Text(f"{alias.alias}, seen {_span(alias.since, alias.until)}")
    if found.aliases_unavailable:
        yield "", Text(f"{found.aliases_unavailable} Aliases are those that were seen last.", "yellow")
    for title, one in zip(_once("endpoints"), found.endpoints, strict=False):
        yield title, Text(f"{one.url}, {_span(one.since, one.until)}, recorded by {recorded_by(one)}")


def _once(title: str) -> Iterator[str]:
    yield title
    while True:
        yield ""


def _table(*columns: str) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown


def _number(version: str | None) -> str:
    return f"version {version}" if version else "(not registered)"


def _pairs(one: ModelVersion) -> str:
    counts = (one.train_pairs, one.validation_pairs)
    return " + ".join("?" if count is None else f"{count:,}" for count in counts)


def _day(at: datetime | None) -> str:
    return "-" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M}"


def _span(since: datetime, until: datetime | None) -> str:
    return f"since {_day(since)}" if until is None else f"from {_day(since)} until {_day(until)}"
