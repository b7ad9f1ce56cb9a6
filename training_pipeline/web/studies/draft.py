"""The values typed into the form for a study, as kept in the page's URL, and the request made from them. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final, Literal, NamedTuple, Self
from urllib.parse import urlencode

from training_pipeline.domain.search import BASE_MODEL, Search, SearchSpace, WordSearch
from training_pipeline.domain.study import Pruner, StudyRequest
from training_pipeline.domain.validation import as_number
from training_pipeline.web import formats, urls
from training_pipeline.web.form.draft import Draft
from training_pipeline.web.form.fields import config_fields, request_fields, study_fields, typed

#: How a key is searched: what stands in its choice, and what that means.
KINDS: Final = {"range": "a range", "log": "a range, by logarithm", "values": "one of several values"}
#: The keys of the service that fields of the form are called otherwise than.
_KEYS: Final = {"search_seed": "seed", "pruner": "kind"}
#: What is typed for each way to search.
PARTS: Final = {"range": ("low", "high", "step"), "log": ("low", "high"), "values": ("choices",)}


class Parameter(NamedTuple):
    """A key that may be searched, and the ways to."""

    name: str
    title: str
    help: str
    kinds: tuple[str, ...]
    whole: bool


@cache
def parameters() -> tuple[Parameter, ...]:
    """Every key that may be searched."""
    bounds = {each.name: each.range for each in config_fields()}
    found = []
    for name, of_key in SearchSpace.model_fields.items():
        types = str(of_key.annotation)
        words, whole = "WordSearch" in types, "IntSearch" in types
        kinds: tuple[str, ...] = ("values",) if words else tuple(KINDS)
        if name == "learning_rate":
            kinds = ("log", "values")  # the service draws its logarithm anyhow
        said = of_key.description or ""
        said += f" {bounds[name]}." if bounds.get(name) else ""
        found.append(Parameter(name, formats.words(name), said, kinds, whole))
    return tuple(found)


def place(name: str, part: str = "") -> str:
    """What a part of a key's search is called in the URL and in `values`; without a part, how it is searched."""
    return f"space.{name}.{part}" if part else f"space.{name}"


@dataclass(frozen=True, slots=True)
class StudyDraft:
    """The job that all trials are like, and the texts of the other fields by name; an empty one is not stated."""

    job: Draft
    values: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """The draft in a URL query."""
        known = {*study_fields()}
        for each in parameters():
            known |= {place(each.name), *(place(each.name, part) for part in ("low", "high", "step", "choices"))}
        return cls(Draft.parse(query, None), {name: text for name, text in query.items() if name in known})

    def with_(self, name: str, value: str) -> StudyDraft:
        """The draft with another text in a field, of the study or of the job."""
        if name in request_fields() or name in {each.name for each in config_fields()}:
            return replace(self, job=self.job.with_(name, value))
        return replace(self, values={**self.values, name: value})

    def on(self, sheet: str) -> StudyDraft:
        """The draft on another training sheet."""
        return replace(self, job=replace(self.job, sheet=sheet))

    def kind(self, name: str) -> str:
        """How a key is searched; empty where it is not."""
        return self.values.get(place(name), "")

    @property
    def searches(self) -> bool:
        """Whether any key is searched."""
        return any(self.kind(each.name) for each in parameters())

    def address(self) -> str:
        """The form with this draft in it."""
        return _address({"sheet": self.job.sheet, **self.job.values, **self.values, "draft": self.job.key})

    def request(self, *, without: Collection[str] = ()) -> dict[str, Any]:
        """The request for a study. What is no number stays text, so that the service says what it should have been.

        With fields left out it is good for a dry run only.
        """
        stated = {
            _KEYS.get(name, name): typed(found, text)
            for name, found in study_fields().items()
            if (text := self.values.get(name)) and name not in without
        }
        if "name" in without:
            stated["name"] = f"d-{self.job.key}".lower()  # nobody's
        pruner = {name: stated.pop(name) for name in Pruner.model_fields if name in stated}
        searched = [each for each in parameters() if self.kind(each.name) and place(each.name) not in without]
        space = {each.name: self._search(each) for each in searched}
        return {
            **stated,
            **({"pruner": pruner} if pruner else {}),
            "job": self.job.request(without={*without, *([BASE_MODEL] if self.kind(BASE_MODEL) else [])}),
            "space": space,
        }

    def _search(self, key: Parameter) -> dict[str, Any]:
        kind = self.kind(key.name)
        if kind == "values":
            listed = self.values.get(place(key.name, "choices"), "").split(",")
            return {"choices": [_number(text.strip(), key) for text in listed if text.strip()]}
        found: dict[str, Any] = {"log": True} if kind == "log" and key.name != "learning_rate" else {}
        for part in PARTS.get(kind, ()):
            if text := self.values.get(place(key.name, part), "").strip():
                found[part] = _number(text, key)
        return found


def address_like(like: StudyRequest) -> str:
    """The form for a study as this one was asked for, but for its name."""
    texts = urls.asked_for(like.job, like.job.training_config.model_dump(exclude_unset=True))
    for name, found in study_fields().items():
        key = _KEYS.get(name, name)
        value = getattr(like.pruner if key in Pruner.model_fields else like, key)
        if name != "name" and value is not None and formats.value(value) != found.default:
            texts[name] = formats.value(value)
    for key, search in like.space.searched.items():
        kind = kind_of(search)
        texts[place(key)] = kind
        for part in PARTS[kind]:
            value = getattr(search, part, None)
            if part == "choices":
                texts[place(key, part)] = ", ".join(formats.value(each) for each in search.choices or ())
            elif value is not None and not (part == "step" and value == 1):
                texts[place(key, part)] = formats.value(value)
    return _address(texts)


def field_of(pointer: str) -> str:
    """The field of the form that a problem is of: `/job/training_config/epochs` is of `epochs`."""
    if pointer.startswith("/space/"):
        return place(pointer.split("/")[2])
    name = pointer.rpartition("/")[2]
    of_job = pointer.startswith("/job/")
    return next((field for field, key in _KEYS.items() if key == name and not of_job), name)


def kind_of(search: Search) -> Literal["range", "log", "values"]:
    """How a key is searched."""
    if search.choices is not None or isinstance(search, WordSearch):
        return "values"
    return "log" if search.log else "range"


def _number(text: str, key: Parameter) -> Any:
    if key.kinds == ("values",):
        return text
    value = as_number(text)
    return int(value) if key.whole and isinstance(value, float) and value.is_integer() else value


def _address(query: Mapping[str, str]) -> str:
    stated = {name: value for name, value in query.items() if value}
    return f"{urls.NEW_STUDY}?{urlencode(stated)}" if stated else urls.NEW_STUDY
