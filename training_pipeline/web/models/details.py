"""What is on record of a model version, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training_pipeline.domain.lineage import NOT_RECORDED
from training_pipeline.schemas.model_version import ModelAncestor, ModelDescendant, ModelVersionDetails, Steward
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import (
    Tag,
    button,
    code,
    fact,
    icon,
    link,
    moment,
    panel,
    small_table,
    text_fact,
)
from training_pipeline.web.models.mention import version_cell

#: So many stewards are named; the others are counted.
_STEWARDS: Final = 20


def trained_on(found: ModelVersionDetails) -> None:
    """The data: sheet, template, gates, dataset and its counts."""
    with panel("What it was trained on", name="data"), Tag("dl", classes="facts"):
        with fact("Training sheet"):
            link(found.training_sheet_name, urls.uses("sheet", found.training_sheet_id))
        with fact("Source sheet"):
            link(found.sheet_id, urls.uses("sheet", found.sheet_id))
        with fact("Prompt template"):
            version = f" version {found.template_version}" if found.template_version else ""
            link(f"{found.template_id}{version}", urls.uses("template", found.template_id))
        text_fact("Gate policy", found.gate_policy_version)
        with fact("Dataset"):
            link(f"{found.dataset_digest[:12]}…", urls.job(found.job_id, "lineage"), classes="mono")
        text_fact("Training pairs", formats.count(found.train_pairs))
        text_fact("Validation pairs", formats.count(found.validation_pairs))
        with fact("Training job"):
            link(found.job_id, urls.job(found.job_id), classes="mono")
        text_fact("Training loss", formats.loss(found.train_loss))
        text_fact("Validation loss", formats.loss(found.val_loss))
        text_fact("Validation accuracy", formats.share(found.val_accuracy))


def allowed_by(found: ModelVersionDetails) -> None:
    """Who approved the pairs and who set their usage constraints; those of nobody are counted, too."""
    with panel("Who allowed it", name="allowed"):
        if found.approvals is None:
            with Tag("div", classes="notice bad", role="note"):
                icon("alert")
                Tag("p", found.manifest_problem or NOT_RECORDED, classes="prose")
            return
        approvals = found.approvals
        _stewards("Approved by", approvals.reviewed_by, approvals.reviewed_missing)
        _stewards("Usage set by", approvals.constraints_set_by, approvals.constraints_missing)


def _stewards(title: str, stewards: Sequence[Steward], missing: int) -> None:
    with small_table(title, [title, "Pairs"], numbers=["Pairs"]):
        for one in stewards[:_STEWARDS]:
            with Tag("tr"):
                Tag("td", one.name, classes="strong")
                Tag("td", formats.count(one.pairs), classes="number")
        if rest := stewards[_STEWARDS:]:
            with Tag("tr"):
                Tag("td", f"{len(rest):,} others", classes="muted")
                Tag("td", formats.count(sum(one.pairs for one in rest)), classes="number")
        with Tag("tr"):
            Tag("td", "Nobody on record", classes="warned" if missing else "muted")
            Tag("td", formats.count(missing), classes="number")


def comes_from(found: ModelVersionDetails) -> None:
    """The chain of base models up, and what was trained from it."""
    with panel("Base models", name="base"):
        if found.ancestors is None:
            Tag("p", f"{found.base_model}. Whether it is a model of ours is {NOT_RECORDED}.")
        elif not found.ancestors:
            Tag("p", f"{found.base_model}, no model of ours.")
        else:
            with small_table("Base models", ["Model", "Training job", "Trained from"]):
                for one in found.ancestors:
                    _ancestor(one)
    with panel("Descendants", name="descendants"):
        if not found.descendants:
            Tag("p", "No model was trained from it.", classes="muted")
            return
        with small_table("Descendants", ["Model", "Training job", "Status", "Through"]):
            for below in found.descendants:
                _descendant(below)


def _ancestor(one: ModelAncestor) -> None:
    with Tag("tr"):
        version_cell(one.name, one.version)
        with Tag("td", classes="mono"):
            link(one.job_id, urls.job(one.job_id, "lineage"))
        Tag("td", one.base_model if one.base_recorded else f"{one.base_model} ({NOT_RECORDED})")


def _descendant(below: ModelDescendant) -> None:
    with Tag("tr"):
        version_cell(below.name, below.version)
        with Tag("td", classes="mono"):
            link(below.job_id, urls.job(below.job_id, "lineage"))
        Tag("td", below.status)
        with Tag("td", classes="mono"):
            for job_id in below.through[1:]:
                link(job_id, urls.job(job_id, "lineage"))
            if not below.through[1:]:
                Tag("span", "itself", classes="muted")


def used(found: ModelVersionDetails) -> None:
    """Aliases and serving endpoints, with since and until."""
    with panel("Aliases", name="aliases"):
        if found.aliases_unavailable:
            with Tag("div", classes="notice", role="note"):
                icon("alert")
                Tag("p", f"{found.aliases_unavailable} Shown are the aliases that were seen last.")
        if not found.alias_uses:
            Tag("p", "No alias of it is on record.", classes="muted")
        else:
            with small_table("Aliases", ["Alias", "Since", "Until"]):
                for alias in found.alias_uses:
                    with Tag("tr"):
                        Tag("td", alias.alias, classes="strong")
                        with Tag("td"):
                            moment(alias.since, style="date-time")
                        with Tag("td"):
                            moment(alias.until, style="date-time") if alias.until else Tag("span", "now")
    with panel("Serving endpoints", name="endpoints"):
        if found.endpoints_looked_at:
            with Tag("p", classes="muted"):
                Tag("span", "The workspace was asked ")
                moment(found.endpoints_looked_at)
                Tag("span", ".")
        if not found.endpoints:
            with Tag("p", classes="muted"):
                Tag("span", "None is recorded. Record one with ")
                Tag("code", "training-pipeline models endpoint")
                Tag("span", ".")
            return
        with small_table("Serving endpoints", ["Endpoint", "Since", "Until", "Recorded by"]):
            for one in found.endpoints:
                with Tag("tr"):
                    with Tag("td"):
                        link(one.url, one.url)
                    with Tag("td"):
                        moment(one.since, style="date-time")
                    with Tag("td"):
                        moment(one.until, style="date-time") if one.until else Tag("span", "now")
                    by = one.added_by or "the workspace"
                    Tag("td", by if one.removed_by is None else f"{by}, removed by {one.removed_by}")


def files(found: ModelVersionDetails, *, may_download: bool) -> None:
    """Where it is, its files, to be downloaded by whom they may be, and code that loads it."""
    with panel("Files", name="files"):
        if found.location:
            with Tag("p"):
                code(found.location, copied_as="location")
        if found.location_problem:
            Tag("p", found.location_problem, classes="muted")
        if found.files and found.download_problem:
            with Tag("div", classes="notice bad", role="note"):
                icon("alert")
                Tag("p", f"Its files cannot be downloaded. {found.download_problem}", classes="prose")
        if found.files:
            with small_table("Files", ["File", "Bytes", "SHA-256"], numbers=["Bytes"]):
                for file in found.files:
                    with Tag("tr"):
                        with Tag("td", classes="mono"):
                            if may_download and found.download_problem is None and file.bytes is not None:
                                address = urls.version_file(found.name, found.version, file.path)
                                link(file.path, address, picture="download", download="")
                            else:
                                Tag("span", file.path)
                        Tag("td", formats.count(file.bytes), classes="number")
                        with Tag("td"):
                            code(file.sha256, copied_as=f"SHA-256 of {file.path}")
    if found.snippet:
        with panel("Load it", name="load") as head:
            with head:
                copy = button("Copy", kind="small", picture="copy")
                copy.set(data_copy=found.snippet)
            Tag("pre", found.snippet, classes="json", tabindex="0")
