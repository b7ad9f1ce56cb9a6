"""The button that looks whether a model version is still clean, and what it found."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.model_version import ModelVersionVerification
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, panel, small_table
from training_pipeline.web.layout import problem
from training_pipeline.web.models.state import outcome_badge, verdict_badge


class VerifyPanel:
    """Nothing is looked at until somebody asks for it."""

    def __init__(self, client: PageClient, name: str, version: str) -> None:
        self._client = client
        self._name = name
        self._version = version
        with panel("Verification", name="verify") as head:
            with head:
                self._button = button("Verify", kind="primary", picture="check").when("click", self._verify)
            self._place = Tag("div", role="status", aria_live="polite")
            with self._place:
                words = "Its rows against the source as it is now, its files, and its records in Dagster and MLflow."
                Tag("p", words, classes="muted")

    async def _verify(self) -> None:
        self._button.set(disabled=True)
        self._place.clear()
        with self._place:
            Tag("p", "Verifying. Large sheets and models take a while.", classes="muted")
        try:
            found = await self._client.verify_version(self._name, self._version)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="It cannot be verified right now")
            return
        finally:
            self._button.set(disabled=None)
        self._place.clear()
        with self._place:
            _found(found)


def _found(found: ModelVersionVerification) -> None:
    with Tag("p"):
        Tag("span", "Verdict: ")
        verdict_badge(found.verdict)
    with small_table("Checks", ["Result", "Check", "Found"]):
        for check in found.checks:
            with Tag("tr"):
                with Tag("td"):
                    outcome_badge(check.outcome)
                Tag("td", check.name, classes="strong")
                Tag("td", check.message, classes="prose")
