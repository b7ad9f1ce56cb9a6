"""The URLs of the pages: built here, and read back. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from training_pipeline.domain.comparable import MOST
from training_pipeline.domain.job import JobStatus
from training_pipeline.domain.job_id import PATTERN as JOB_ID
from training_pipeline.domain.model_version import VersionState
from training_pipeline.domain.study import StudyStatus, with_values
from training_pipeline.domain.training_config import JobRequest
from training_pipeline.domain.uses import Kind
from training_pipeline.schemas.request_like import request_like
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.training_jobs.store.queries import JobSort
from training_pipeline.web import formats

HOME: Final = "/train"
MODELS: Final = f"{HOME}/models"
STUDIES: Final = f"{HOME}/studies"
NEW_STUDY: Final = f"{HOME}/new-study"
IMPORT: Final = f"{HOME}/import"
ESTIMATES: Final = f"{HOME}/estimates"
DOCUMENTS: Final = f"{HOME}/docs"
_TEXT: Final = r"^[^\x00-\x1f\x7f]*$"


def document(name: str, anchor: str = "") -> str:
    """A page of the documentation, at one of its headings."""
    return f"{DOCUMENTS}/{name}" + (f"#{anchor}" if anchor else "")


def sheet(sheet_id: str) -> str:
    """A training sheet's page."""
    return f"{HOME}/sheets/{quote(sheet_id, safe='')}"


def sheet_pair(sheet_id: str, pair_id: str) -> str:
    """A training sheet's page, where this pair is looked for: other sheets may have one of the same id."""
    return f"{sheet(sheet_id)}?{urlencode({'pair': pair_id})}#pairs-title"


def new_job(sheet_id: str) -> str:
    """The form for a job on a training sheet."""
    return f"{HOME}/new?{urlencode({'sheet': sheet_id})}"


def job_like(like: TrainingJob, changes: Mapping[str, object]) -> str:
    """The form for a new job that is asked for as this one was, but for these keys of its configuration."""
    return f"{HOME}/new?{urlencode(asked_for(like, {**like.requested_config, **changes}))}"


def job_of_trial(like: JobRequest, params: Mapping[str, object]) -> str:
    """The form for a job as a study's request says, with the values of a trial."""
    tried = with_values(like, params)
    return f"{HOME}/new?{urlencode(asked_for(tried, tried.training_config.model_dump(exclude_unset=True)))}"


def asked_for(like: JobRequest | TrainingJob, config: Mapping[str, object]) -> dict[str, str]:
    """The texts of a form's fields for a request like this one, with these keys of a configuration."""
    asked = request_like(like, config)
    flat = {**asked.pop("training_config"), **asked, "tags": ", ".join(asked.get("tags", ()))}
    sheet_id = flat.pop("training_sheet_id")
    return {"sheet": sheet_id, **{name: text for name, value in flat.items() if (text := formats.value(value))}}


def retry(job_id: str) -> str:
    """The form for a retry of a job."""
    return f"{HOME}/new?{urlencode({'retry': job_id})}"


def job(job_id: str, tab: str = "") -> str:
    """A job's page, on one of its tabs."""
    return f"{HOME}/jobs/{job_id}" + (f"/{tab}" if tab else "")


def job_audit(job_id: str) -> str:
    """The audit export of a job: a file."""
    return job(job_id, "audit.zip")


def diff(first_id: str, second_id: str, *, change: str = "", cursor: str = "") -> str:
    """What changed from one job to another."""
    query = urlencode({name: value for name, value in (("change", change), ("cursor", cursor)) if value})
    return f"{job(first_id, 'diff')}/{second_id}" + (f"?{query}" if query else "")


def compare(job_ids: Sequence[str], query: str = "") -> str:
    """Jobs side by side, looked at as a query of `ChartView` says."""
    return f"{HOME}/compare?" + "&".join(filter(None, [urlencode({"jobs": ",".join(job_ids)}, safe=","), query]))


def uses(kind: Kind, name: str) -> str:
    """Where something was used."""
    return f"{HOME}/uses?{urlencode({str(kind): name})}"


def revocations(*, cursor: str = "") -> str:
    """The list of revocations."""
    return f"{HOME}/revocations" + (f"?{urlencode({'cursor': cursor})}" if cursor else "")


def revocation(revocation_id: str) -> str:
    """The page of a revocation."""
    return f"{HOME}/revocations/{revocation_id}"


def model_version(name: str, version: str) -> str:
    """A model version's page."""
    return f"{HOME}/models/{quote(name, safe='')}/{quote(version, safe='')}"


def version_file(name: str, version: str, path: str) -> str:
    """A file of a model version, to be downloaded."""
    return f"{model_version(name, version)}/files/{quote(path)}"


def version_audit(name: str, version: str) -> str:
    """The audit export of a model version: a file."""
    return f"{model_version(name, version)}/audit.zip"


def study(name: str) -> str:
    """A study's page."""
    return f"{STUDIES}/{quote(name, safe='')}"


def ask_pair(version: str, pair_id: str) -> str:
    """A model version's page, where it is asked, with a validation pair chosen."""
    return f"{version}?{urlencode({'pair': pair_id})}#playground-title"


class _Filters(BaseModel):
    """What a list is filtered by, as it stands in the URL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Where the list is.
    AT: ClassVar[str]

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """The filters that a query names. Unknown values are ignored, so that a page opens for every URL."""
        found: dict[str, object] = {name: query[name] for name in cls.model_fields if query.get(name)}
        while True:
            try:
                return cls.model_validate(found)
            except ValidationError as error:
                for each in error.errors():
                    found.pop(str(each["loc"][0]))

    def address(self) -> str:
        """The list with these filters."""
        query = urlencode(self.model_dump(mode="json", exclude_defaults=True))
        return f"{self.AT}?{query}" if query else self.AT

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.model_dump(exclude_defaults=True, exclude={"page"}))


class VersionFilters(_Filters):
    """Which model versions are listed."""

    AT = MODELS

    name: str = Field("", max_length=800, pattern=_TEXT)
    alias: str = Field("", max_length=800, pattern=_TEXT)
    sheet: str = Field("", max_length=800, pattern=_TEXT)
    state: VersionState | None = None
    page: int = Field(1, ge=1, le=100_000)

    def with_(self, **changes: object) -> Self:
        """Other filters; on their first page unless a page is named."""
        return self.model_validate({**dict(self), "page": 1, **changes})


class StudyFilters(_Filters):
    """Which studies are listed."""

    AT = STUDIES

    status: StudyStatus | None = None
    sheet: str = Field("", max_length=128, pattern=_TEXT)
    creator: str = Field("", max_length=128, pattern=_TEXT)
    page: int = Field(1, ge=1, le=100_000)

    def with_(self, **changes: object) -> Self:
        """Other filters; on their first page unless a page is named."""
        return self.model_validate({**dict(self), "page": 1, **changes})


class JobFilters(BaseModel):
    """Which jobs are listed, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statuses: tuple[JobStatus, ...] = ()
    sheet: str = Field("", max_length=128, pattern=_TEXT)
    creator: str = Field("", max_length=128, pattern=_TEXT)
    search: str = Field("", max_length=128, pattern=_TEXT)
    tag: str = Field("", max_length=128, pattern=_TEXT)
    #: Only jobs whose model is tainted.
    tainted: bool = False
    sort: JobSort = JobSort.CREATED_AT
    descending: bool = True
    page: int = Field(1, ge=1, le=100_000)
    #: The jobs that are ticked, to be compared; it filters nothing.
    ticked: tuple[Annotated[str, Field(pattern=JOB_ID)], ...] = Field((), max_length=MOST)

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """The filters that a query names. Unknown values are ignored, so that a page opens for every URL."""
        found: dict[str, object] = {}
        if query.get("ticked"):
            found["ticked"] = tuple(dict.fromkeys(query["ticked"].split(",")))
        for name in ("sheet", "creator", "search", "tag", "sort", "page"):
            if name in query:
                found[name] = query[name]
        if "status" in query:
            known = {str(status) for status in JobStatus}
            found["statuses"] = tuple(dict.fromkeys(word for word in query["status"].split(",") if word in known))
        found["tainted"] = query.get("tainted") == "yes"
        if "order" in query:
            found["descending"] = query["order"] != "asc"
        while True:
            try:
                return cls.model_validate(found)
            except ValidationError as error:
                for each in error.errors():
                    found.pop(str(each["loc"][0]))

    def query(self) -> str:
        """The query with what differs from the unfiltered list; empty if nothing does."""
        stated = {
            "status": ",".join(self.statuses),
            "sheet": self.sheet,
            "creator": self.creator,
            "search": self.search,
            "tag": self.tag,
            "tainted": "yes" if self.tainted else "",
            "sort": "" if self.sort is JobSort.CREATED_AT else str(self.sort),
            "order": "" if self.descending else "asc",
            "page": "" if self.page == 1 else str(self.page),
            "ticked": ",".join(self.ticked),
        }
        return urlencode({name: value for name, value in stated.items() if value}, safe=",")

    def address(self) -> str:
        """The page with these filters."""
        query = self.query()
        return f"{HOME}?{query}" if query else HOME

    def with_(self, **changes: object) -> Self:
        """Other filters; on their first page unless a page is named."""
        return self.model_validate({**dict(self), "page": 1, **changes})

    def tick(self, job_id: str, *, ticked: bool) -> Self:
        """The same list with a job ticked, or not; one more than can be compared is not."""
        others = tuple(each for each in self.ticked if each != job_id)
        return self.with_(page=self.page, ticked=(*others, job_id)[:MOST] if ticked else others)

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return bool(self.statuses or self.sheet or self.creator or self.search or self.tag or self.tainted)
