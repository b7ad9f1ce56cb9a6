"""/train/models/{name}/{version}: one model version, whole."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response
from nicegui import app as pages
from nicegui import ui

from training_pipeline.api.downloads import Archive, ModelFileBytes
from training_pipeline.api.problems import of_pipeline_error
from training_pipeline.domain.errors import NotFound, PipelineError
from training_pipeline.domain.model_version import MEANINGS
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.web import urls
from training_pipeline.web.elements import Tag, audit_link, icon, link, moment
from training_pipeline.web.layout import PAGE_SECONDS, frame
from training_pipeline.web.models import details
from training_pipeline.web.models.evaluations import evaluations
from training_pipeline.web.models.playground import PlaygroundPanel
from training_pipeline.web.models.promotion import PromotionPanel
from training_pipeline.web.models.retrain import RetrainPanel
from training_pipeline.web.models.state import state_badge
from training_pipeline.web.models.verify import VerifyPanel
from training_pipeline.web.pages.errors import show_not_found
from training_pipeline.web.site import Site


def register(site: Site) -> None:
    """Add the page."""

    @pages.get("/models/{name}/{version}/audit.zip")
    async def audit(request: Request, name: str, version: str) -> Response:
        try:
            pieces = await to_thread.run_sync(site.client(request).local.audit_model_version, name, version)
        except PipelineError as error:
            return of_pipeline_error(urls.model_version(name, version), error)
        return Archive(pieces, f"{name}-{version}")

    @pages.get("/models/{name}/{version}/files/{path:path}")
    async def file(request: Request, name: str, version: str, path: str) -> Response:
        try:
            found = await to_thread.run_sync(site.client(request).local.download_model_file, name, version, path)
        except PipelineError as error:
            return of_pipeline_error(urls.version_file(name, version, path), error)
        return ModelFileBytes(found)

    @ui.page("/models/{name}/{version}", response_timeout=PAGE_SECONDS)
    async def model_version(request: Request, name: str, version: str) -> None:
        client = site.client(request)
        try:
            found = await client.version(name, version)
            decisions = await client.promotions(name)
        except NotFound as error:
            show_not_found(site, client.caller, error)
            return
        with frame(f"{found.name} version {found.version}", site, client.caller):
            _head(found)
            if found.retrain is not None:
                RetrainPanel(client, found, found.retrain)
            VerifyPanel(client, found.name, found.version)
            with Tag("div", classes="columns"):
                with Tag("div"):
                    details.trained_on(found)
                    details.allowed_by(found)
                with Tag("div"):
                    details.comes_from(found)
                    details.used(found)
            evaluations(found)
            playground = PlaygroundPanel(client, found, request.query_params.get("pair", "")[:800])
            await playground.offer_pairs()
            PromotionPanel(client, found, decisions)
            details.files(found, may_download=client.may_download)


def _head(found: ModelVersionDetails) -> None:
    with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
        link("Models", urls.MODELS)
        Tag("span", "/", aria_hidden="true")
        link(found.name, urls.VersionFilters(name=found.name).address())
        Tag("span", "/", aria_hidden="true")
        Tag("span", f"Version {found.version}", aria_current="page")
    with Tag("div", classes="page-head"):
        with Tag("div", classes="title"):
            with Tag("div", classes="title-line"):
                Tag("h1", f"{found.name} version {found.version}")
                state_badge(found.state)
                for alias in found.aliases:
                    Tag("span", alias, classes="tag")
            with Tag("p", classes="lede meta"):
                with Tag("span"):
                    Tag("span", "registered by ")
                    link(found.job_id, urls.job(found.job_id), classes="mono")
                    if found.registered_at:
                        Tag("span", " ")
                        moment(found.registered_at)
                with Tag("span"):
                    Tag("span", "created by ")
                    Tag("span", found.created_by, classes="strong")
                if found.registry_url:
                    link("In the registry", found.registry_url)
        with Tag("div", classes="buttons"):
            audit_link(urls.version_audit(found.name, found.version))
    if found.reasons:
        with Tag("div", classes="notice bad", role="alert"):
            icon("alert")
            with Tag("div"):
                Tag("p", f"This version is {found.state}: {MEANINGS[found.state]}.", classes="notice-title")
                for reason in found.reasons:
                    Tag("p", reason)
