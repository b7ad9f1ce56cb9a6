"""Moving an alias to a model version: what the gate asks and says, and every decision about the model's aliases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from training_pipeline.domain.access import person
from training_pipeline.domain.errors import FieldProblem, InvalidRequest, PipelineError
from training_pipeline.models.evaluation.intervals import LEVEL
from training_pipeline.models.promotion.records import PromotionKind
from training_pipeline.models.promotion.requirements import Gate
from training_pipeline.schemas.model_version import ModelVersionDetails
from training_pipeline.schemas.promotion import ModelPromotion, ModelPromotions
from training_pipeline.web import formats, urls
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button, icon, link, moment, panel, small_table
from training_pipeline.web.layout import problem
from training_pipeline.web.models.state import gate_badge

#: So many decisions are shown, the newest first.
_SHOWN: Final = 20
_PAIRS: Final[int] = Gate.model_fields["min_pairs"].default
_FIELDS: Final = {
    "alias": ("Alias", "champion", "Which version is in use."),
    "margins": ("Margins", "exact_match=0.02", "How much worse than the version in use it may be."),
    "thresholds": ("Thresholds", "exact_match=0.7", "The minimum that it must reach; for a loss, the maximum."),
    "forgetting": (
        "Forgetting",
        "general:bits_per_byte=0.05",
        "On other suites: how much worse than its base model it may be.",
    ),
    "min_pairs": ("Minimum pairs", str(_PAIRS), "With fewer pairs nothing is decided."),
    "level": ("Level", str(LEVEL), "Confidence level of the intervals, 0.8 to 0.999."),
    "suite": ("Suite", "", "Default: that of the latest evaluation."),
    "reason": ("Reason to roll back", "", "Kept with the decision."),
}


_NUMBERS: Final = {int: "whole number", float: "number"}


class PromotionPanel:
    """Shown for every version; its fields and buttons only to who may promote."""

    def __init__(self, client: PageClient, found: ModelVersionDetails, decisions: ModelPromotions) -> None:
        self._client = client
        self._name, self._version = found.name, found.version
        self._typed: dict[str, str] = {}
        self._buttons: list[Tag] = []
        self._approve: Tag | None = None
        with panel("Promotion", name="promotion"):
            if client.may_promote:
                self._waiting = Tag("div")
                self._form()
            self._place = Tag("div", role="status", aria_live="polite")
            self._record = Tag("div")
        self._show(decisions)

    def _form(self) -> None:
        words = "The gate compares it with the version that has the alias, on the same questions."
        Tag(
            "p", f"{words} Without margins and thresholds the gate that moved this alias last applies.", classes="muted"
        )
        with Tag("div", classes="fields"):
            for name, (title, example, help_text) in _FIELDS.items():
                with Tag("div", classes="form-field"):
                    Tag("label", title, classes="field-name", for_=f"promote-{name}")
                    field = Tag(
                        "input",
                        id_=f"promote-{name}",
                        type_="text",
                        autocomplete="off",
                        spellcheck="false",
                        maxlength=1000,
                        placeholder=example or None,
                        aria_describedby=f"promote-{name}-help",
                    )
                    field.when("input", self._heard(name), VALUE)
                    Tag("span", help_text, classes="help", id_=f"promote-{name}-help")
        with Tag("div", classes="buttons"):
            self._buttons = [
                button("Promote", kind="primary", picture="check").when("click", self._promote),
                button("Roll back", kind="danger", picture="stop").when("click", self._roll_back),
            ]

    def _approval(self, waiting: ModelPromotion) -> Tag:
        with Tag("div", classes="notice approval", role="note"):
            icon("hourglass")
            with Tag("div"):
                before = _version(waiting.previous_version)
                title = f"{waiting.actor} asks to move {waiting.alias} from {before} to this one."
                Tag("p", title, classes="notice-title")
                Tag("p", f"The gate: {gate_in_words(waiting.gate or {})}. The suite: {waiting.suite or 'none'}.")
                Tag(
                    "p",
                    "Approving checks the version with both again. If it passes, the alias moves.",
                )

                async def approve() -> None:
                    await self._act(lambda: self._client.promote(self._name, self._version, approving(waiting)))

                return button("Approve", kind="primary", picture="check").when("click", approve)

    def _heard(self, name: str) -> Callable[[Any], None]:
        def heard(event: Any) -> None:
            self._typed[name] = str(event.args).strip()

        return heard

    @property
    def _alias(self) -> str:
        return self._typed.get("alias") or "champion"

    async def _promote(self) -> None:
        async def asked() -> ModelPromotion:
            suite = self._typed.get("suite") or None
            body = {"alias": self._alias, "gate": gate_of(self._typed), "suite": suite}
            return await self._client.promote(self._name, self._version, body)

        await self._act(asked)

    async def _roll_back(self) -> None:
        body = {"alias": self._alias, "reason": self._typed.get("reason", "")}
        await self._act(lambda: self._client.roll_back(self._name, body))

    async def _act(self, asked: Callable[[], Awaitable[ModelPromotion]]) -> None:
        self._disable(True)
        self._place.clear()
        with self._place:
            Tag("p", "Checking the version and its scores. Large models take a while.", classes="muted")
        try:
            made = await asked()
            decisions = await self._client.promotions(self._name)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="The alias was not moved")
            return
        finally:
            self._disable(None)
        self._place.clear()
        with self._place:
            _made(made)
        self._show(decisions)

    def _disable(self, disabled: bool | None) -> None:
        for each in (*self._buttons, *([self._approve] if self._approve else [])):
            each.set(disabled=disabled)

    def _show(self, decisions: ModelPromotions) -> None:
        """Show what is on record, and what of it waits for the caller."""
        self._record.clear()
        with self._record:
            _decisions(decisions)
        if self._client.may_promote:
            self._waiting.clear()
            self._approve = None
            waiting = waits_for(decisions, self._version, self._client.caller.name)
            if waiting is not None:
                with self._waiting:
                    self._approve = self._approval(waiting)


def gate_of(typed: Mapping[str, str]) -> dict[str, Any] | None:
    """The gate that the fields describe; None where they are empty.

    Raises `InvalidRequest` naming everything that is no `METRIC=NUMBER`, and in `forgetting` no `SUITE:METRIC=NUMBER`;
    and what says how to decide, but not on what: the gate in force stays as it is.
    """
    problems: list[FieldProblem] = []
    gate: dict[str, Any] = {field: {} for field in ("margins", "thresholds", "forgetting")}
    for field in gate:
        form = "SUITE:METRIC=NUMBER" if field == "forgetting" else "METRIC=NUMBER"
        for part in typed.get(field, "").replace(",", " ").split():
            suite, colon, rest = part.partition(":") if field == "forgetting" else ("", ":", part)
            name, _, number = rest.partition("=")
            value = _number(number)
            metrics = gate[field].setdefault(suite, {}) if suite else gate[field]
            if not colon or not name or value is None or (field == "forgetting" and not suite):
                problems.append(FieldProblem(f"/gate/{field}", "metric_number", f"{part!r} is no {form}"))
            elif name in metrics:
                problems.append(FieldProblem(f"/gate/{field}", "metric_number", f"{name} appears twice"))
            else:
                metrics[name] = value
    how: dict[str, Any] = {}
    for field, kind in (("min_pairs", int), ("level", float)):
        if text := typed.get(field, "").strip():
            try:
                how[field] = kind(text)
            except ValueError:
                problems.append(FieldProblem(f"/gate/{field}", "number", f"{text!r} is no {_NUMBERS[kind]}"))
    if how and not any(gate.values()):
        said = "needs margins, thresholds or forgetting beside it: the gate in force stays as it is"
        problems += [FieldProblem(f"/gate/{field}", "no_gate", said) for field in how]
    if problems:
        raise InvalidRequest("The gate is invalid.", problems=problems)
    return {**gate, **how} if any(gate.values()) else None


def gate_in_words(gate: Mapping[str, Any]) -> str:
    """All that a gate asks: its numbers as they are typed, and what is otherwise than in other gates."""
    asked = {field: _numbers(gate.get(field, {})) for field in ("margins", "thresholds")}
    asked["forgetting"] = [
        f"{suite}:{each}" for suite, margins in gate.get("forgetting", {}).items() for each in _numbers(margins)
    ]
    said = [f"{field} {', '.join(numbers)}" for field, numbers in asked.items() if numbers]
    if (pairs := gate.get("min_pairs", _PAIRS)) != _PAIRS:
        said.append(f"decided with {pairs:,} pairs or more instead of {_PAIRS}")
    if (level := gate.get("level", LEVEL)) != LEVEL:
        said.append(f"intervals of {level * 100:g} % instead of {LEVEL * 100:g} %")
    return "; ".join(said)


def _numbers(margins: Mapping[str, float]) -> list[str]:
    return [f"{metric}={formats.value(number)}" for metric, number in margins.items()]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def waits_for(decisions: ModelPromotions, version: str, caller: str) -> ModelPromotion | None:
    """The decision about this version that waits for the caller, if any: of somebody else, and nothing moved since."""
    settled: set[str] = set()
    for each in decisions.promotions:
        by_another = each.model_version == version and person(each.actor) != person(caller)
        if each.waits and each.alias not in settled and by_another:
            return each
        if each.moved_at is not None:
            settled.add(each.alias)
    return None


def approving(waiting: ModelPromotion) -> dict[str, Any]:
    """What is asked for by approving a decision: what it proposes. A page may be old, so all of it is said."""
    body = {"alias": waiting.alias, "gate": waiting.gate, "suite": waiting.suite}
    return {**body, "held": waiting.previous_version}


def _made(made: ModelPromotion) -> None:
    with Tag("p"):
        if made.verdict is not None:
            Tag("span", "Verdict: ")
            gate_badge(made.verdict)
            Tag("span", " ")
        Tag("span", _where(made), classes="strong")
    if not made.findings:
        return
    with small_table("Findings", ["Result", "Asked", "Found"]):
        for finding in made.findings:
            more = f"; about {finding.more_pairs:,} pairs more would settle it" if finding.more_pairs else ""
            with Tag("tr"):
                with Tag("td"):
                    gate_badge(finding.verdict, passed="yes")
                Tag("td", finding.asked, classes="strong")
                Tag("td", f"{finding.reason}{more}", classes="prose")


def _where(made: ModelPromotion) -> str:
    if made.moved_at is not None:
        return f"{made.alias} names {_version(made.model_version)} now."
    waits = f" It needs the approval of a person other than {made.actor}." if made.waits else ""
    return f"{made.alias} still names {_version(made.previous_version)}.{waits}"


def _version(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"


def _decisions(found: ModelPromotions) -> None:
    if not found.promotions:
        Tag("p", "No alias of this model has been moved or decided on yet.", classes="muted")
        return
    with small_table("Decisions", ["No.", "Alias", "From", "To", "Verdict", "Moved", "By", "When", "Reason"]):
        for each in found.promotions[:_SHOWN]:
            with Tag("tr"):
                Tag("td", str(each.number), classes="number")
                Tag("td", each.alias, classes="strong")
                for number in (each.previous_version, each.model_version):
                    with Tag("td"):
                        if number:
                            link(number, urls.model_version(each.model_name, number))
                        else:
                            Tag("span", "none")
                with Tag("td"):
                    if each.kind is PromotionKind.ROLL_BACK:
                        Tag("span", "rolled back")
                    elif each.verdict is not None:
                        gate_badge(each.verdict)
                Tag("td", "yes" if each.moved_at else "waits" if each.waits else "void" if each.expired else "no")
                Tag("td", each.actor)
                with Tag("td"):
                    moment(each.decided_at, style="date-time")
                Tag("td", each.reason)
    if (rest := found.total - _SHOWN) > 0:
        Tag("p", f"{rest:,} older ones are listed by `training-pipeline models promotions`.", classes="muted")
