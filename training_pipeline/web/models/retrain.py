"""The proposed retrain of a tainted version: what it leaves out, and the button that launches it."""

from __future__ import annotations

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.model_version import ModelVersionDetails, RetrainProposal
from training_pipeline.web import urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button, link, panel
from training_pipeline.web.form.estimate import show_estimate
from training_pipeline.web.layout import go, problem


class RetrainPanel:
    """Shown for a tainted version."""

    def __init__(self, client: PageClient, found: ModelVersionDetails, proposal: RetrainProposal) -> None:
        self._client = client
        self._name = found.name
        self._version = found.version
        with panel("Retrain without the withdrawn rows", name="retrain") as head:
            if client.may_retrain:
                with head:
                    self._button = button("Retrain", kind="primary", picture="check").when("click", self._launch)
            Tag("p", in_words(proposal))
            if proposal.launched_job_id is None:
                show_estimate(proposal.estimate)
            if proposal.launched_job_id is not None:
                with Tag("p"):
                    Tag("span", f"Launched by {proposal.launched_by}: ")
                    link(proposal.launched_job_id, urls.job(proposal.launched_job_id), classes="mono")
            self._place = Tag("div", role="status", aria_live="polite")

    async def _launch(self) -> None:
        self._button.set(disabled=True)
        self._place.clear()
        try:
            job = await self._client.retrain(self._name, self._version)
        except PipelineError as error:
            with self._place:
                problem(error, title="The retrain was not launched")
            return
        finally:
            self._button.set(disabled=None)
        go(urls.job(job.id))


def in_words(proposal: RetrainProposal) -> str:
    """What the retrain does, in sentences."""
    if proposal.train is None or proposal.validation is None:
        rows = "the withdrawn rows; its manifest cannot be read, so their number is unknown"
    else:
        rows = f"{proposal.train:,} rows that it was trained and {proposal.validation:,} that it was validated on"
    said = f"A job with the same configuration leaves out {rows}."
    if proposal.tainted_base is not None:
        said += f" Its base model is tainted: it starts from {proposal.request['base_model']}."
    return said
