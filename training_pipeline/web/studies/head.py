"""The head of a study's page: identity, status, why it ended or what it waits for, and the button that stops it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from training_pipeline.domain.study import StudyStatus, TrialStatus
from training_pipeline.schemas.study import StudyPage
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Redrawn, Tag, button, icon, link, moment
from training_pipeline.web.studies import words
from training_pipeline.web.studies.draft import address_like
from training_pipeline.web.studies.stop_dialog import StopDialog


class StudyHead:
    """Follows the study."""

    def __init__(self, client: PageClient, study: StudyPage, refresh: Callable[[], Awaitable[None]]) -> None:
        self._client = client
        self._stop = StopDialog(client, study.name, refresh)
        with Tag("nav", classes="crumbs", aria_label="Breadcrumb"):
            link("Studies", urls.STUDIES)
            Tag("span", "/", aria_hidden="true")
            Tag("span", study.name, aria_current="page")
        self._head = Redrawn(classes="page-head")
        self._notice = Redrawn()

    def show(self, study: StudyPage) -> None:
        """Show the study as it now is."""
        self._head.show((study.status, can_stop(study)), lambda: self._identity(study))
        self._notice.show((study.status, study.why, study.message), lambda: _notice(study))

    def _identity(self, study: StudyPage) -> None:
        with Tag("div", classes="title"):
            with Tag("div", classes="title-line"):
                Tag("h1", study.name)
                words.study_badge(study.status)
            with Tag("p", classes="lede meta"):
                with Tag("span"):
                    Tag("span", "created by ")
                    Tag("span", study.created_by, classes="strong")
                    Tag("span", " ")
                    moment(study.created_at)
                with Tag("span"):
                    Tag("span", "on ")
                    link(study.training_sheet_id, urls.sheet(study.training_sheet_id))
                with Tag("span"):
                    Tag("span", "for the model ")
                    Tag("span", study.model_name, classes="strong")
        with Tag("div", classes="buttons"):
            if can_stop(study) and self._client.may_change(study):
                button("Stop study", kind="danger", picture="stop").when("click", self._stop.ask)
            if self._client.may_search:
                link("Duplicate", address_like(study.request), classes="button", picture="copy")


def can_stop(study: StudyPage) -> bool:
    """Whether there is something to stop: also the trials of a study that ends and has let them finish."""
    ends = study.status is StudyStatus.ENDING and TrialStatus.RUNNING in study.trials
    return study.status is StudyStatus.RUNNING or ends


def _notice(study: StudyPage) -> None:
    look, picture, title = {
        StudyStatus.RUNNING: ("warn", "hourglass", "It waits"),
        StudyStatus.ENDING: ("warn", "hourglass", "No more trials are started"),
        StudyStatus.FINISHED: ("", "check", "It has finished"),
        StudyStatus.STOPPED: ("", "stop", "It was stopped"),
        StudyStatus.FAILED: ("bad", "alert", "It has failed"),
    }[study.status]
    said = [line[:1].upper() + line[1:] for line in (study.why, study.message) if line]
    if not said:
        return
    with Tag("div", classes=f"notice verdict {look}", role="note"):
        icon(picture)
        with Tag("div"):
            Tag("p", title, classes="notice-title")
            for line in said:
                Tag("p", line if line.endswith(".") else f"{line}.", classes="prose")
