"""The tab Result: what the model answered before and after training, and the pairs that it predicts worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from training_pipeline.domain.job import TERMINAL
from training_pipeline.schemas.result import AnsweredPair, PairLoss, TrainingJobResult
from training_pipeline.schemas.training_job import TrainingJob
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, link, panel, small_table, text_fact

#: Why a text is not shown.
_WITHHELD: Final = {
    "role": "Texts are shown to operators and stewards.",
    "revoked": "The pair was revoked.",
    "erased": "Its text was erased.",
    "gone": "Its text is gone.",
}


class ResultTab:
    """Shown once the job has ended; nothing of it changes after that but what may be shown."""

    def __init__(self, client: PageClient, *_: object) -> None:
        self._client = client
        self._place = Tag("div")
        self._shown: object = None

    async def show(self, job: TrainingJob) -> None:
        """Show what there is now."""
        if self._shown == job.status:
            return
        self._shown = job.status
        found = await self._client.result(job.id) if job.status in TERMINAL else None
        self._place.clear()
        with self._place:
            if found is None:
                Tag("p", "The result is here once the job has succeeded.", classes="panel empty muted")
            else:
                _result(job, found)


def _result(job: TrainingJob, found: TrainingJobResult) -> None:
    if found.unavailable:
        Tag("p", found.unavailable, classes="panel empty muted")
    with Tag("dl", classes="panel figures"):
        text_fact("Validation loss before", formats.loss(found.val_loss_before))
        text_fact("Validation loss after", formats.loss(found.val_loss_after))
        text_fact("Exactly right before", formats.share(found.exact_match_before))
        text_fact("Exactly right after", formats.share(found.exact_match_after))
        if found.asked_questions:
            text_fact("Ended with an end token", f"{found.stopped_answers} of {found.asked_questions}")
    with panel("Before and after", name="answered"):
        if found.answered:
            _answered(found.answered, job.training_sheet_id)
        else:
            with Tag("p", classes="muted"):
                Tag("span", "The model answered no questions before and after training. Set ")
                Tag("code", "exact_match_questions")
                Tag("span", " to ask the first validation pairs.")
    with panel("Highest loss: perhaps mislabeled", name="losses"):
        if not found.losses:
            Tag("p", "No losses of single pairs were measured.", classes="muted")
            return
        Tag(
            "p",
            f"The trained model predicts the expert's answer to these validation pairs worst, of "
            f"{found.losses_measured:,} that were measured. Either they are hard, or their answer is wrong.",
            classes="muted",
        )
        version = job.uc_model_version
        address = urls.model_version(job.uc_model_name or job.model_name, version) if version else None
        _losses(found.losses, job.training_sheet_id, address)


def _answered(pairs: Sequence[AnsweredPair], sheet_id: str) -> None:
    with small_table("Before and after", ["Pair", "Question", "Expert", "Before", "After"], classes="texts"):
        for one in pairs:
            with Tag("tr"):
                _pair(sheet_id, one.pair_id)
                if one.withheld:
                    Tag("td", _WITHHELD[one.withheld], colspan=2, classes="muted")
                    Tag("td", _mark(one.right_before))
                    Tag("td", _mark(one.right_after))
                    continue
                _text(one.question)
                _text(one.expected)
                _text(one.before, mark=_mark(one.right_before))
                _text(one.after, mark=_mark(one.right_after))


def _pair(sheet_id: str, pair_id: str | None) -> None:
    """A cell with a pair that leads to it in the training sheet, where its label is put right."""
    with Tag("td", classes="mono strong"):
        if pair_id is None:
            Tag("span", formats.NONE)
            return
        link(pair_id, urls.sheet_pair(sheet_id, pair_id), title="See it in its training sheet")


def _losses(pairs: Sequence[PairLoss], sheet_id: str, version: str | None) -> None:
    titles = ["Pair", "Loss", "Tokens", "Question", "Expert", *(["Ask it"] if version else [])]
    with small_table("Highest loss", titles, numbers=["Loss", "Tokens"], classes="texts"):
        for one in pairs:
            with Tag("tr"):
                _pair(sheet_id, one.pair_id)
                Tag("td", formats.loss(one.loss), classes="number")
                Tag("td", formats.count(one.tokens), classes="number")
                if one.withheld:
                    Tag("td", _WITHHELD[one.withheld], colspan=2, classes="muted")
                else:
                    _text(one.question)
                    _text(one.expected)
                if version:
                    with Tag("td"):
                        if one.pair_id and not one.withheld:
                            link("Ask", urls.ask_pair(version, one.pair_id), aria_label=f"Ask pair {one.pair_id}")


def _text(text: str | None, *, mark: str = "") -> None:
    with Tag("td", classes="text"):
        Tag("span", text or ("(nothing)" if text == "" else formats.NONE))
        if mark:
            Tag("span", mark, classes="sub")


def _mark(right: bool) -> str:
    return "exactly right" if right else "not the expert's"
