"""How a model version is mentioned anywhere: always with the way to its page. And where it is in use."""

from __future__ import annotations

from training_pipeline.schemas.uses import InUse
from training_pipeline.web import formats, urls
from training_pipeline.web.elements import Tag, link


def version_cell(name: str, version: str | None) -> None:
    """A cell with a model and its version; a model without one has no page."""
    with Tag("td"):
        if version:
            link(f"{name} version {version}", urls.model_version(name, version))
        else:
            Tag("span", f"{name} (not registered)")


def places_cell(found: InUse) -> None:
    """A cell with the aliases that name a version and the endpoints that serve it."""
    with Tag("td"):
        for alias in found.aliases:
            Tag("span", alias, classes="tag")
            Tag("span", " ")
        for url in found.endpoints:
            with Tag("div"):
                link(url, url)
        if not found.aliases and not found.endpoints:
            Tag("span", formats.NONE)
