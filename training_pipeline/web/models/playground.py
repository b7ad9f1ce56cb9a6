"""The playground of a model version: one question, and what the base model, the version and the champion answer.

Everything is shown as plain text. Nothing that is typed or answered is kept once the page is left.
"""

from __future__ import annotations

from typing import Any, Final

from training_pipeline.backends.asking import LONGEST_QUESTION
from training_pipeline.domain.errors import PipelineError
from training_pipeline.domain.model_version import VersionState
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.schemas.playground import PlaygroundAnswer, PlaygroundAnswers
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, panel
from training_pipeline.web.layout import problem

#: So many validation pairs are offered.
_PAIRS: Final = 50
_TITLES: Final = {"base": "Base model", "tuned": "This version", "champion": "Champion"}


class PlaygroundPanel:
    """Nothing is asked until somebody presses the button. `pair` is chosen at first, where it is given."""

    def __init__(self, client: PageClient, found: ModelVersionDetails, pair: str) -> None:
        self._client = client
        self._found = found
        self._question = ""
        self._pair = pair
        self._pairs: Tag | None = None
        with panel("Ask it", name="playground"), Tag("div", classes="asking"):
            if found.state is VersionState.WITHDRAWN:
                Tag("p", "This version is withdrawn and answers no questions. Choose another version.", classes="muted")
            elif not client.may_ask:
                Tag("p", "Asking requires the role operator.", classes="muted")
            else:
                self._form()
            self._place = Tag("div", role="status", aria_live="polite")

    def _form(self) -> None:
        with Tag("label", classes="field"):
            Tag("span", "Question", classes="field-name")
            field = Tag("textarea", rows=3, maxlength=LONGEST_QUESTION, autocomplete="off")
            field.when("input", self._typed, VALUE)
        with Tag("label", classes="field"):
            Tag("span", "Or the question of a validation pair", classes="field-name")
            self._pairs = Tag("select")
            self._pairs.when("change", self._chosen, VALUE)
            with self._pairs:
                Tag("option", "The question above", value="")
                if self._pair:
                    self._option(self._pair)
        words = self._client.playground_limits
        Tag(
            "p",
            "You ask one question at a time, and wait for your turn while others ask. All models together have "
            f"{words.seconds:g} s and {words.memory_mb:,} MB. Nothing that you type and nothing that they answer is "
            "kept or logged.",
            classes="help",
        )
        with Tag("div", classes="dialog-actions"):
            self._button = button("Ask", kind="primary", picture="play").when("click", self._ask)

    async def offer_pairs(self) -> None:
        """Offer the first validation pairs, where the version may be asked."""
        if self._pairs is None:
            return
        try:
            listed = await self._client.lineage(
                self._found.job_id, pairs="validation", search="", page_size=_PAIRS, cursor=None
            )
        except PipelineError:  # a question can still be typed
            return
        with self._pairs:
            for pair in listed.pairs:
                if pair.pair_id is not None and pair.pair_id != self._pair:
                    self._option(pair.pair_id)

    def _option(self, pair_id: str) -> None:
        Tag("option", pair_id, value=pair_id, selected=True if pair_id == self._pair else None)

    def _typed(self, event: Any) -> None:
        self._question = str(event.args)

    def _chosen(self, event: Any) -> None:
        self._pair = str(event.args)

    async def _ask(self) -> None:
        self._button.set(disabled=True)
        self._place.clear()
        with self._place:
            Tag("p", "Loading the models and asking them.", classes="muted")
        asked = {"pair_id": self._pair} if self._pair else {"question": self._question}
        try:
            answers = await self._client.ask(self._found.name, self._found.version, asked)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="It was not asked")
            return
        finally:
            self._button.set(disabled=None)
        self._place.clear()
        with self._place:
            _shown(answers)


def _shown(found: PlaygroundAnswers) -> None:
    if found.expected is not None:  # of a pair: what was asked is not on the page yet
        for turn in found.messages:
            _text(f"Asked ({turn.role})", turn.content)
        _text("The expert's answer", found.expected)
    with Tag("div", classes="answers"):
        for each in found.answers:
            with Tag("div"):
                _answer(each)
    if found.note:
        Tag("p", found.note, classes="muted")


def _answer(each: PlaygroundAnswer) -> None:
    title = f"{_TITLES[each.role]}: {each.model}"
    if each.answer is None:
        Tag("h3", title)
        Tag("p", each.problem or "It gave no answer.", classes="prose")
        return
    _text(title, each.answer or "(nothing)")
    ended = "ended with its end token" if each.stopped else "cut off at max_tokens"
    Tag("p", f"{each.tokens:,} tokens, {ended}, {each.seconds:.1f} s", classes="muted")


def _text(title: str, text: str) -> None:
    Tag("h3", title)
    Tag("pre", text, classes="json", tabindex="0", aria_label=title)
