"""The tab Lineage: from the source sheet to the model version, and down to every pair. No text of any pair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from nicegui import ui

from training_pipeline.client.jobs.base import Pairs
from training_pipeline.domain.errors import NotFound
from training_pipeline.domain.export_summary import MEANINGS
from training_pipeline.domain.lineage import NOT_RECORDED, libraries_in_words
from training_pipeline.domain.rules.policy import Reason
from training_pipeline.schemas.lineage import BaseModelLineage, TrainingJobLineage
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, code, empty, fact, icon, link, panel, small_table, text_fact
from training_pipeline.web.jobs.compare import compare_with
from training_pipeline.web.jobs.pair_table import PairTable

#: The nodes that list pairs. One of them is open at a time.
PARTS: Final = ("train", "validation", "excluded")
_OF_A_PAGE: Final = {"pairs", "qa_pair_ids", "canonical_label_ids", "next_cursor"}


class LineageTab:
    """The lineage tree. Open nodes and the search for pairs are kept in the page's URL."""

    def __init__(self, client: PageClient, job_id: str, query: dict[str, str]) -> None:
        self._client = client
        self._job_id = job_id
        self._open = {name for name in query.get("open", "").split(",") if name}
        self._search = query.get("search", "")
        self._cursor = query.get("cursor", "")
        self._shown: object = None
        self._nodes: dict[str, Tag] = {}
        self._pairs: dict[str, PairTable] = {}
        self._place = Tag("div")

    async def show(self, job: TrainingJob) -> None:
        """Show the current record; the tree is rebuilt only when the record has changed."""
        try:
            record = await self._client.lineage(self._job_id, pairs=None, search="", page_size=1, cursor=None)
        except NotFound as error:
            if self._shown != error.message:
                self._shown = error.message
                self._place.clear()
                with self._place, panel("Lineage", name="lineage"):
                    words = "It is written when the job is submitted to its backend."
                    empty("split", "No lineage record yet.", words)
            return
        seen = (record.model_dump(exclude=_OF_A_PAGE), job.excluded_counts)
        if seen == self._shown:
            return
        self._shown = seen
        self._place.clear()
        with self._place, panel("Lineage", name="lineage") as head:
            with head:
                Tag("span", "What exactly this model was trained on, and who allowed it", classes="muted")
                await compare_with(self._client, job)
            self._tree(record, job)
        for part in PARTS:
            if part in self._open:
                await self._pairs[part].load(self._search, self._cursor)

    def _tree(self, record: TrainingJobLineage, job: TrainingJob) -> None:
        source, template = record.sheet_name or record.sheet_id, record.template_name or record.template_id
        labels, version = f"{record.canonical_labels:,}", record.model_version
        with Tag("ol", classes="tree"):
            with self._node("source", "sheet", "Source sheet", source, _version(record.sheet_version)):
                _ids(record.sheet_id, record.sheet_version)
            with self._node("template", "template", "Prompt template", template, _version(record.template_version)):
                _ids(record.template_id, record.template_version)
            with self._node("sheet", "stack", "Training sheet", record.training_sheet_name), _facts():
                text_fact("Id", record.training_sheet_id)
                with fact("Uses"):
                    link("Where was this used?", urls.uses("sheet", record.training_sheet_id))
                _digest("Version (content digest)", record.training_sheet_digest)
            with self._node("gates", "gate", "Gates", f"policy {record.gate_policy_version}"):
                self._gates(record, job)
            with self._node("labels", "label", "Canonical labels", labels, "used by the included pairs"):
                Tag("p", "Each pair below names the canonical label it was approved from.")
            parts: list[tuple[Pairs, str, int]] = [
                ("train", "Train split", record.train_pairs),
                ("validation", "Validation split", record.validation_pairs),
                ("excluded", "Excluded", record.excluded_pairs),
            ]
            for part, title, count in parts:
                with self._node(part, "split", title, f"{count:,}", "pairs", branch=True):
                    self._pairs[part] = PairTable(self._client, self._job_id, part, self._looked_for)
            digest = record.dataset_digest
            with self._node("dataset", "stack", "Dataset", digest[:12], "identified by its digest"), _facts():
                _digest("Digest", digest)
                text_fact("Training pairs", formats.count(record.train_pairs))
                text_fact("Validation pairs", formats.count(record.validation_pairs))
            with self._node("recipe", "info", "Recipe", *_recipe_line(record)):
                _recipe(record)
            with self._node("runs", "play", "Dagster records", f"{len(record.assets)}", "materializations"):
                _assets(record)
            known = f"version {version}" if version else "not registered"
            with self._node("model", "model", "Model", record.model_name, known):
                _model(record, job)

    @contextmanager
    def _node(
        self, name: str, picture: str, kind: str, title: str, detail: str = "", *, branch: bool = False
    ) -> Iterator[None]:
        with Tag("li", classes="node branch" if branch else "node"):
            with Tag("span", classes="node-mark"):
                icon(picture)
            with Tag("details", id_=f"node-{name}", open=name in self._open or None) as whole:
                with Tag("summary", classes="node-line"):
                    Tag("span", kind, classes="node-kind")
                    Tag("span", title, classes="strong")
                    Tag("span", detail, classes="muted")
                with Tag("div", classes="node-body"):
                    yield
            whole.when("toggle", partial(self._toggled, name), "(event) => emit(event.target.open)")
            self._nodes[name] = whole

    def _gates(self, record: TrainingJobLineage, job: TrainingJob) -> None:
        with _facts():
            text_fact("Included", formats.count(record.train_pairs + record.validation_pairs))
            text_fact("Excluded", formats.count(record.excluded_pairs))
            _digest("Digest of all verdicts", record.snapshot_digest)
        left_out = {reason: count for reason in Reason if (count := (job.excluded_counts or {}).get(reason))}
        with Tag("ul", classes="reasons"):
            for reason, count in left_out.items():
                with Tag("li"):
                    Tag("span", formats.count(count), classes="reason-count")
                    Tag("span", MEANINGS[reason])

    async def _toggled(self, name: str, event: Any) -> None:
        opened = bool(event.args)
        if opened == (name in self._open):
            return  # it was opened by the address
        if opened:
            self._open.add(name)
        else:
            self._open.discard(name)
        if name in PARTS:
            self._search = self._cursor = ""
            for part in (part for part in PARTS if opened and part != name and part in self._open):
                self._open.discard(part)
                self._nodes[part].run_method("removeAttribute", "open")
            if opened:
                await self._pairs[name].load("", "")
        self._write_address()

    async def _looked_for(self, search: str, cursor: str) -> None:
        self._search, self._cursor = search, cursor
        self._write_address()

    def _write_address(self) -> None:
        query = {"open": ",".join(sorted(self._open)), "search": self._search, "cursor": self._cursor}
        shown = urlencode({name: value for name, value in query.items() if value}, safe=",")
        ui.navigate.history.replace(urls.job(self._job_id, "lineage") + (f"?{shown}" if shown else ""))


def _version(stated: str | None) -> str:
    return f"version {stated}" if stated else ""


def _facts() -> Tag:
    return Tag("dl", classes="facts")


def _ids(identity: str, version: str) -> None:
    with _facts():
        text_fact("Id", identity)
        text_fact("Version", version or "not provided by the source")


def _digest(name: str, digest: str) -> None:
    with fact(name):
        code(digest, copied_as=name)


def _model(record: TrainingJobLineage, job: TrainingJob) -> None:
    with _facts():
        name = job.uc_model_name or record.model_name
        text_fact("Name", name)
        with fact("Version"):
            if record.model_version:
                link(record.model_version, urls.model_version(name, record.model_version))
            else:
                Tag("span", "none")
        text_fact("Base model", job.base_model)
        base = record.base_model
        if base is None:
            text_fact("Base model version", NOT_RECORDED)
        else:
            _base_model(base)
            _ancestors(base)
        for file, digest in (record.model_files or {}).items():
            _digest(file, digest)
    if record.model_files is None:
        Tag("p", "Its version and files appear here once it is registered.", classes="muted")


def _base_model(base: BaseModelLineage) -> None:
    if version := base.revision or base.digest:
        _digest("Base model version", version)
    elif base.ancestors is None and base.listing is None:
        text_fact("Base model version", NOT_RECORDED)
    if base.resolved_at is not None:
        text_fact("Base model's commit found at", base.resolved_at)
    if base.listing is not None:
        _digest("Names, sizes and times of the base model's files", base.listing)
    if base.licence is not None:
        text_fact("Base model's licence", base.licence)


def _recipe_line(record: TrainingJobLineage) -> tuple[str, str]:
    """What is shown of the recipe before it is opened."""
    if record.recipe is None:
        return (NOT_RECORDED if record.model_files is not None else "recorded once the model is trained"), ""
    return record.recipe.configuration_digest[:12], "what it takes to repeat the training"


def _recipe(record: TrainingJobLineage) -> None:
    if record.recipe is None:
        Tag("p", "Chat template, tokenizer, libraries and configuration.", classes="muted")
        return
    recipe = record.recipe
    with _facts():
        text_fact("Chat template", recipe.chat_template_source)
        _digest("Digest of the chat template", recipe.chat_template_sha256)
        text_fact("Date in the chat template", recipe.first_day)
        _digest("Digest of the tokenizer", recipe.tokenizer_sha256)
        text_fact("Trained on", recipe.device)
        text_fact("Libraries", libraries_in_words(recipe.libraries))
        _digest("Digest of the configuration", recipe.configuration_digest)
        for name, value in sorted(recipe.configuration.items()):
            text_fact(name, str(value))


def _ancestors(base: BaseModelLineage) -> None:
    """The models of ours that the base model comes from, each with a link to its job."""
    if base.ancestors is None:
        text_fact("Base model comes from", NOT_RECORDED)
    for origin in base.ancestors or ():
        with fact("Base model comes from"):
            if origin.model_version:
                words = f"{origin.model_name} version {origin.model_version}"
                link(words, urls.model_version(origin.model_name, origin.model_version))
            else:
                Tag("span", f"{origin.model_name} not registered")
            Tag("span", ", of ")
            Tag("a", origin.job_id, href=urls.job(origin.job_id))
            known = "" if origin.base_recorded else f" ({NOT_RECORDED})"
            Tag("span", f", trained from {origin.base_model}{known}")


def _assets(record: TrainingJobLineage) -> None:
    if not record.assets:
        Tag("p", "No materializations yet.", classes="muted")
        return
    columns: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("Asset", lambda found: found.asset_key),
        ("Run", lambda found: found.run_id[:8]),
        ("Event", lambda found: str(found.storage_id)),
        ("Data version", lambda found: found.data_version[:16]),
    )
    with small_table("Materializations", [title for title, _ in columns]):
        for found in record.assets:
            with Tag("tr"):
                for title, read in columns:
                    Tag("td", read(found), classes="" if title == "Asset" else "mono")
