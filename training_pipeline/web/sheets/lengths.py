"""How long the pairs are that may be trained on: a histogram, and the share that would be cut."""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.training_config import MOST_TOKENS
from training_pipeline.schemas.base_model import BaseModels
from training_pipeline.schemas.sheet_contents import TrainingSheetLengths
from training_pipeline.web import formats
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, panel, small_table
from training_pipeline.web.layout import problem

#: Pairs of a sheet that is measured without being asked.
AT_ONCE: Final = 50_000


class LengthsPanel:
    """Empty until `load` is called; of a large sheet, until somebody asks."""

    def __init__(self, client: PageClient, sheet_id: str, pairs: int) -> None:
        self._client = client
        self._sheet_id = sheet_id
        self._pairs = pairs
        self._model = ""
        self._most: int | None = None
        with panel("Lengths", name="lengths"):
            with Tag("div", classes="fields"):
                with Tag("div", classes="form-field"):
                    Tag("label", "Base model", classes="field-name", for_="lengths-model")
                    self._choice = Tag("select", id_="lengths-model")
                    self._choice.when("change", self._chosen, VALUE)
                with Tag("div", classes="form-field"):
                    Tag("label", "Cut after (max_length)", classes="field-name", for_="lengths-most")
                    self._field = Tag("input", id_="lengths-most", type_="number", min=16, max=MOST_TOKENS, step=1)
                    self._field.set(inputmode="numeric", placeholder="the model's default")
                    self._field.when("change", self._typed, VALUE)
            self._place = Tag("div", classes="after", aria_live="polite")

    async def load(self) -> None:
        """Offer the base models, and measure unless there are many pairs."""
        self._offer(await self._client.base_models())
        if self._pairs > AT_ONCE:
            with self._place:
                button("Measure the pairs", kind="small").when("click", self._measure)
            return
        await self._measure()

    def _offer(self, found: BaseModels) -> None:
        with self._choice:
            for offer in found.models:
                Tag("option", offer.id, value="" if offer.default else offer.id)

    async def _chosen(self, event: Any) -> None:
        self._model = str(event.args)
        await self._measure()

    async def _typed(self, event: Any) -> None:
        said = str(event.args).strip()
        self._most = int(said) if said.isdecimal() and 16 <= int(said) <= MOST_TOKENS else None
        await self._measure()

    async def _measure(self) -> None:
        asked = (self._model, self._most)
        self._place.clear()
        with self._place:
            Tag("p", "Measuring…", classes="muted", role="status")
        try:
            found = await self._client.sheet_lengths(self._sheet_id, base_model=asked[0] or None, max_length=asked[1])
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The pairs cannot be measured")
            return
        if asked == (self._model, self._most):
            self._place.clear()
            with self._place:
                _show(found)


def _show(found: TrainingSheetLengths) -> None:
    if not found.pairs:
        Tag("p", "No pair may be trained on.", classes="muted")
        return
    with Tag("p", classes="summary-line"):
        Tag("strong", f"{formats.count(found.cut)} of {formats.count(found.pairs)} pairs")
        Tag("span", f" ({found.share_cut:.1%}) are longer than {found.max_length:,} tokens and would be cut.")
    Tag("p", f"Half have at most {found.median:,} tokens, the longest {found.longest:,}.", classes="muted")
    highest = max(bar.pairs for bar in found.bins)
    words = f"Histogram of {found.pairs:,} pairs by their tokens, from 1 to {found.bins[-1].most:,}"
    with Tag("div", classes="histogram", role="img", aria_label=words):
        for bar in found.bins:
            look = "is-cut" if bar.least > found.max_length else ""
            title = f"{bar.least:,} to {bar.most:,} tokens: {bar.pairs:,} pairs"
            Tag(
                "span",
                classes=look,
                title=title,
                style=f"height: {max(2 if bar.pairs else 0, 100 * bar.pairs // highest)}%",
            )
    with Tag("div", classes="histogram-axis", aria_hidden="true"):
        Tag("span", "1")
        Tag("span", f"{found.bins[-1].most:,} tokens")
    Tag("p", _how(found), classes="help")
    with Tag("details"):
        Tag("summary", "As a table")
        with small_table("Lengths", ("Tokens", "Pairs"), numbers={"Tokens", "Pairs"}):
            for bar in found.bins:
                with Tag("tr"):
                    Tag("td", f"{bar.least:,} to {bar.most:,}", classes="number")
                    Tag("td", formats.count(bar.pairs), classes="number")


def _how(found: TrainingSheetLengths) -> str:
    """How it was measured."""
    of = "" if found.pairs == found.eligible else f" A sample of the {found.eligible:,} that may be trained on."
    if found.is_estimate:
        return f"Estimated, four characters a token: the tokenizer of {found.base_model} is not on this machine.{of}"
    return f"Counted by the tokenizer and chat template of {found.base_model}.{of}"
