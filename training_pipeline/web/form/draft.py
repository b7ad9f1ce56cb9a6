"""The values typed into the form, as kept in the page's URL, and the requests made from them. No I/O."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.form.fields import config_fields, request_fields, typed

#: The fields of a request that the form has, but for the training sheet.
REQUEST: Final = (
    "model_name",
    "base_model",
    "train_val_split",
    "split_seed",
    "split_predecessor",
    "fresh_split",
    "register_to_uc",
    "uc_catalog",
    "uc_schema",
    "tags",
)
#: Stands in for a name that is missing or wrong, so that the rest can be planned. No job is created with it.
ANY_NAME: Final = "m"


@dataclass(frozen=True, slots=True)
class Draft:
    """The texts of the fields by name; an empty or missing one is left to the service. `key` names the draft."""

    sheet: str
    retried: TrainingJob | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    key: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str], retried: TrainingJob | None) -> Self:
        """The draft in a URL query. A retry starts with the configuration its job was requested with."""
        known = {*REQUEST, *(found.name for found in config_fields())}
        asked = _asked(retried)
        return cls(
            sheet=query.get("sheet", "") if retried is None else retried.training_sheet_id,
            retried=retried,
            values={
                **{name: formats.value(value) for name, value in asked.items()},
                **{name: value for name, value in query.items() if name in known},
            },
            key=query.get("draft") or secrets.token_urlsafe(9),
        )

    def with_(self, name: str, value: str) -> Draft:
        """The draft with another text in a field."""
        return replace(self, values={**self.values, name: value})

    def address(self) -> str:
        """The form with this draft in it."""
        first = {"sheet": self.sheet} if self.retried is None else {"retry": self.retried.id}
        query = {**first, **self.values, "draft": self.key}
        return f"{urls.HOME}/new?{urlencode({name: value for name, value in query.items() if value})}"

    def request(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The request for a new job. With fields left out it is good for a dry run only."""
        config = {
            found.name: typed(found, text)
            for found in config_fields()
            if (text := self.values.get(found.name)) and found.name not in without
        }
        request: dict[str, Any] = {"training_sheet_id": self.sheet, "training_config": config}
        for name in REQUEST:
            if (text := self.values.get(name)) and name not in without:
                request[name] = typed(request_fields()[name], text)
        if "tags" in request:
            request["tags"] = tags_in(request["tags"])
        return {"model_name": ANY_NAME, **request} if "model_name" in without else request

    def changes(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The keys of the configuration that differ from those of the job that is retried."""
        asked = _asked(self.retried)
        changes = {}
        for found in config_fields():
            text = self.values.get(found.name, "")
            value = typed(found, text or found.default)
            if found.name not in without and (text or found.name in asked) and value != asked.get(found.name):
                changes[found.name] = value
        return changes


def tags_in(text: str) -> list[str]:
    """The tags of a text, with a comma between them."""
    return [tag for tag in (one.strip() for one in text.split(",")) if tag]


def _asked(retried: TrainingJob | None) -> dict[str, Any]:
    """What the configuration of a job was requested to be; a null says no more than a key that is left out."""
    asked = {} if retried is None else retried.requested_config
    return {name: value for name, value in asked.items() if value is not None}
