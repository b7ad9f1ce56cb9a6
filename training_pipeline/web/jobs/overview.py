"""The tab Overview: results, resolved configuration, counts of pairs and links."""

from __future__ import annotations

from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.job import TERMINAL
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.advice import ActualCost, TrainingJobAdvice
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, code, fact, link, moment, panel, text_fact
from training_pipeline.web.form.estimate import amount, between
from training_pipeline.web.form.fields import config_fields
from training_pipeline.web.jobs.advice import show_advice
from training_pipeline.web.jobs.annotations import Annotations


class OverviewTab:
    """Rebuilt when anything it shows has changed."""

    def __init__(self, client: PageClient, job_id: str, *_: object) -> None:
        self._client = client
        self._id = job_id
        self._annotations = Annotations(client, job_id, self._again)
        self._place = Tag("div")
        self._shown: object = None

    async def show(self, job: TrainingJob) -> None:
        """Show what there is now."""
        figures = {"updated_at", "progress_percent", "current_step", "eta_seconds", "current_epoch"}
        seen = job.model_dump(exclude=figures)
        if seen == self._shown:
            return
        self._shown = seen
        advice = await self._client.advice(job.id)
        self._place.clear()
        with self._place:
            _results(job, advice)
            show_advice(job, advice, may_create=self._client.may_create)
            with Tag("div", classes="columns"):
                with Tag("div"):
                    _configuration(job)
                with Tag("div"):
                    self._annotations.show(job)
                    _pairs(job)
                    _links(job)
                    _times(job)

    async def _again(self) -> None:
        await self.show(await self._client.job(self._id))


def _results(job: TrainingJob, advice: TrainingJobAdvice) -> None:
    estimate = advice.estimate
    if job.train_loss is None and job.val_loss is None:
        return
    with Tag("dl", classes="panel figures"):
        text_fact("Training loss", formats.loss(job.train_loss))
        text_fact("Validation loss", formats.loss(job.val_loss))
        text_fact("Training accuracy", formats.share(job.train_accuracy))
        text_fact("Validation accuracy", formats.share(job.val_accuracy))
        text_fact("Duration", formats.seconds(job.duration_seconds))
        if estimate is not None and estimate.time.middle is not None:
            with fact("Estimated duration"):
                Tag("span", formats.seconds(estimate.time.middle))
                Tag("span", between(estimate.time, formats.seconds), classes="help")
                link("How good estimates are", urls.ESTIMATES)
        if said := _spent(advice.actual_cost):
            with fact("Actual cost"):
                Tag("span", said)
                Tag("span", advice.actual_cost.basis or "The price list does not say what a DBU costs.", classes="help")
        if estimate is not None and estimate.cost.middle is not None:
            with fact("Estimated cost"):
                Tag("span", amount(estimate.cost.middle, estimate.currency))
                Tag("span", between(estimate.cost, formats.money), classes="help")
                for note in estimate.notes:
                    Tag("span", note, classes="help")
        if job.uc_model_version is not None:
            with fact("Model"):
                version_of(job)


def _spent(cost: ActualCost) -> str:
    if cost.amount is not None:
        return amount(cost.amount, cost.currency)
    return "" if cost.dbu is None else f"{formats.money(cost.dbu)} DBU"


def version_of(job: TrainingJob) -> None:
    """The link to the model version of a job that has registered one."""
    name, version = job.uc_model_name or job.model_name, job.uc_model_version or ""
    link(f"{name} v{version}", urls.model_version(name, version))


def _configuration(job: TrainingJob) -> None:
    with panel("Configuration", name="configuration"), Tag("dl", classes="facts"):
        text_fact("Backend", job.backend)
        text_fact("Base model", job.base_model)
        if job.base_model_revision is not None:
            with fact("Commit of the base model"):
                code(job.base_model_revision, copied_as="Commit of the base model")
        text_fact("Model name", job.model_name)
        where = ".".join(part for part in (job.uc_catalog, job.uc_schema) if part)
        registered = "yes" + (f", in {where}" if where else "") if job.register_to_uc else "no, kept as an artifact"
        text_fact("Registered", registered)
        for key in config_fields():
            value = job.training_config.get(key.name)
            with fact(key.title):
                Tag("span", formats.value(value))
                if value is not None and job.requested_config.get(key.name, key.default) in {"auto", key.default}:
                    Tag("span", "auto" if key.automatic else "default", classes="tag")


def _pairs(job: TrainingJob) -> None:
    with panel("Pairs", name="pairs"):
        if not job.pairs_counted:
            Tag("p", "The sheet is large: its pairs are counted when the job is launched.", classes="muted")
            return
        with Tag("dl", classes="facts"):
            text_fact("In the training sheet", formats.count(job.total_pairs))
            text_fact("Eligible for training", formats.count(job.eligible_pairs))
            text_fact("Training pairs", formats.count(job.train_pairs))
            text_fact("Validation pairs", formats.count(job.val_pairs))
            text_fact("Requested split", formats.share(job.train_val_split))
            text_fact("Achieved split", formats.share(job.achieved_ratio))
            with fact("Dataset"):
                if job.dataset_digest:
                    link(f"{job.dataset_digest[:12]}…", urls.job(job.id, "lineage"), classes="mono")
                else:
                    Tag("span", formats.NONE)
        left_out = {reason: count for reason in Reason if (count := (job.excluded_counts or {}).get(reason))}
        if left_out:
            Tag("h3", f"Excluded: {sum(left_out.values()):,}", classes="after")
            with Tag("ul", classes="reasons"):
                for reason, count in left_out.items():
                    with Tag("li"):
                        Tag("span", formats.count(count), classes="reason-count")
                        Tag("span", MEANINGS[reason])


def _links(job: TrainingJob) -> None:
    with panel("Links", name="links"):
        if not job.links:
            over = job.status in TERMINAL
            words = "No links." if over else "No links yet. Its runs are linked here once they exist."
            Tag("p", words, classes="muted")
            return
        with Tag("ul", classes="links"):
            for found in job.links:
                with Tag("li"):
                    if found.url:
                        link(found.label, found.url)
                    else:
                        Tag("span", found.label)
                    code(found.name, copied_as=found.label)


def _times(job: TrainingJob) -> None:
    with panel("Times", name="times"), Tag("dl", classes="facts"):
        for name, at in (("Created", job.created_at), ("Started", job.started_at), ("Ended", job.completed_at)):
            with fact(name):
                moment(at, style="date-time")
