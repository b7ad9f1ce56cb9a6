"""An alias is moved through the gate, or back; every decision is on record before the registry hears of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, Final

from training_pipeline.domain.access import person
from training_pipeline.domain.error_in_words import describe
from training_pipeline.domain.errors import Conflict, FieldProblem, InvalidRequest, PipelineError, Unavailable
from training_pipeline.infra import advisory_lock
from training_pipeline.infra.database import Database
from training_pipeline.models.evaluation.suites import Suites
from training_pipeline.models.promotion import records
from training_pipeline.models.promotion.approval_tags import ApprovalTags
from training_pipeline.models.promotion.evidence import Evidence
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.models.promotion.gates_in_force import asks_less, gate_in_force, in_force
from training_pipeline.models.promotion.records import Promotion, PromotionKind
from training_pipeline.models.promotion.requirements import Gate, parse_gate
from training_pipeline.models.versions.aliases import Aliases
from training_pipeline.models.versions.usable import require_usable
from training_pipeline.models.versions.versions import ModelVersions
from training_pipeline.training_jobs.store.jobs import JobStore

#: For so long a move is looked for that is not on record.
_NOTED: Final = timedelta(days=7)
_log = logging.getLogger(__name__)
#: What an alias may be called; MLflow keeps `latest` and `v1` for itself.
ALIAS: Final = r"^(?!latest$)(?!v\d+$)[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"


class Promotions:
    """Moves aliases, one decision of a model at a time."""

    def __init__(
        self,
        store: JobStore,
        database: Database,
        aliases: Aliases,
        versions: ModelVersions,
        suites: Suites,
        *,
        approval: timedelta | None = None,
        approval_tags: ApprovalTags | None = None,
    ) -> None:
        self._store, self._database = store, database
        self._aliases, self._versions, self._suites = aliases, versions, suites
        self._approval, self._approval_tags = approval, approval_tags
        self._evidence = Evidence(store, versions)

    def promote(
        self,
        name: str,
        version: str,
        alias: str,
        *,
        gate: Mapping[str, Any] | None = None,
        suite: str | None = None,
        held: str | None = None,
        actor: str,
    ) -> Promotion:
        """Ask the gate whether the alias may name this version, put its decision on record, and move it if it may.

        Without a `gate`, the one by which the alias was moved last. Without a `suite`, the one of the latest
        evaluation, those that the gate asks about forgetting aside. `held` is the version that the caller believes to
        hold the alias. With an `approval`, the decision of one person waits, for so long, until another one has the
        same version judged by the same gate on the same suite. Raises `NotFound`, `Tainted`, `InvalidRequest`,
        `Conflict` where the alias is there already or was moved meanwhile, and `Unavailable` where the registry does
        not answer: then nothing was moved.
        """
        _require_alias(alias)
        last = in_force(self.of_model(name, alias))
        asked = gate_in_force(name, alias, last) if gate is None else parse_gate(gate)
        with self._alone(name, alias):
            subject = self._versions.subject(name, version)
            require_usable(subject)
            before = self._holder(name, alias)
            if before == version:
                raise Conflict(f"{alias} of {name} is version {version} already.")
            if held is not None and held != before:
                raise _moved(name, alias, before)
            found, decision = self._evidence.judged(asked, subject, before, suite)
            if found is None and suite is not None:
                self._suites.get(suite)
            lets = decision.verdict is Verdict.SHIP
            needs_two = lets and self._approval is not None
            rests_on = suite if found is None else found.suite_name
            otherwise = "" if last is None else asks_less(asked, rests_on, last)
            first = self._first(name, version, alias, asked, rests_on, before, actor) if needs_two else None
            waits = needs_two and (first is None or first.expired)
            # It may have been tainted while all of this was looked at.
            require_usable(self._versions.subject(name, version))
            stored = records.add(
                self._store,
                kind=PromotionKind.PROMOTE,
                model_name=name,
                alias=alias,
                model_version=version,
                previous_version=before,
                evaluation_id=None if found is None else found.id,
                suite=rests_on,
                gate=asked.model_dump(mode="json"),
                decision=decision.model_dump(mode="json"),
                reason=_reason(decision.verdict, actor, first, otherwise, waits=waits),
                actor=actor,
                waits=waits,
                approves=None if first is None or waits else first.number,
            )
            return self._move(stored) if lets and not waits else stored

    def roll_back(self, name: str, alias: str, *, reason: str, actor: str) -> Promotion:
        """Move the alias back to the version that had it before it was moved last, or off where none had.

        Raises `Conflict` where nothing was moved from here, or the alias was moved elsewhere since, `Tainted` where
        that version may not be used any more, and `Unavailable` as `promote` does.
        """
        _require_alias(alias)
        with self._alone(name, alias):
            now = self._holder(name, alias)
            last = self._last(name, alias)
            if last is None:
                raise Conflict(f"{alias} of {name} was never moved from here, so there is nothing to roll back.")
            if now != last.model_version:
                raise _moved(name, alias, now)
            if last.previous_version is not None:
                require_usable(self._versions.subject(name, last.previous_version))
            stored = records.add(
                self._store,
                kind=PromotionKind.ROLL_BACK,
                model_name=name,
                alias=alias,
                model_version=last.previous_version,
                previous_version=now,
                evaluation_id=None,
                gate=None,
                decision=None,
                reason=reason,
                actor=actor,
            )
            return self._move(stored)

    def of_model(self, name: str, alias: str | None = None) -> list[Promotion]:
        """Every decision about the aliases of a model, the newest first. Reads only."""
        return records.of_model(self._store, name, alias, approval=self._approval)

    def note_moves(self) -> int:
        """Note the moves that a process did not live to note, of a week; how many. What depends on them follows then.

        Raises nothing of the registry's: what it cannot say now is looked at again. May be repeated by several at once.
        """
        noted = 0
        for name, alias in records.open_aliases(self._store, since=_NOTED):
            newest = self.of_model(name, alias)[0]
            if not newest.is_open:
                continue
            try:
                with self._alone(name, alias):
                    self._holder(name, alias)
            except Exception as error:  # noqa: BLE001 - of the registry, in any class, or somebody decides just now
                _log.warning("whether %s of %s was moved is not known: %s", alias, name, describe(error))
                continue
            noted += next(one for one in self.of_model(name, alias) if one.number == newest.number).moved_at is not None
        return noted

    @contextmanager
    def _alone(self, name: str, alias: str) -> Iterator[None]:
        """One decision about an alias at a time; raises `Conflict` while another one is made, and waits for none."""
        with ExitStack() as stack:
            try:
                stack.enter_context(advisory_lock.hold(self._database, f"alias {name} {alias}"))
            except Conflict:
                raise Conflict(
                    f"Somebody else is deciding about {alias} of {name} right now.",
                    hint="See what they decided (`training-pipeline models promotions`), then decide again.",
                ) from None
            yield

    def _holder(self, name: str, alias: str) -> str | None:
        """The version that has the alias. A move that a process did not live to note is noted now."""
        now = self._aliases.holder(name, alias)
        newest = next(iter(self.of_model(name, alias)), None)
        if newest is not None and newest.is_open and newest.model_version == now:
            records.moved(self._store, newest.number)
        return now

    def _first(
        self, name: str, version: str, alias: str, gate: Gate, suite: str | None, before: str | None, actor: str
    ) -> Promotion | None:
        """The latest decision of somebody else that waits for this very one, or has expired, if any.

        Nothing was moved since.
        """
        for each in self.of_model(name, alias):
            if each.moved_at is not None:
                return None
            proposed = (each.model_version, each.previous_version, each.gate, each.suite)
            same = proposed == (version, before, gate, suite)
            if (each.waits or each.expired) and same and person(each.actor) != person(actor):
                return each
        return None

    def _last(self, name: str, alias: str) -> Promotion | None:
        """The promotion that is in force: each roll back takes one back."""
        taken_back = 0
        for each in self.of_model(name, alias):
            if each.moved_at is None:
                continue
            if each.kind is PromotionKind.ROLL_BACK:
                taken_back += 1
            elif taken_back:
                taken_back -= 1
            else:
                return each
        return None

    def _move(self, stored: Promotion) -> Promotion:
        """Move the alias, if it still is where it was when it was decided."""
        name, alias, before = stored.model_name, stored.alias, stored.previous_version
        try:
            if not self._aliases.move(name, alias, stored.model_version, expected=before):
                raise _moved(name, alias, self._aliases.holder(name, alias))
        except PipelineError:
            raise
        except Exception as error:
            raise Unavailable(
                f"The registry did not move {alias} of {name}: {describe(error)}.",
                hint=f"Decision {stored.number} is on record, and the alias where it was. Promote it again.",
            ) from error
        moved = records.moved(self._store, stored.number)
        if self._approval_tags is not None:
            self._approval_tags.write_due()
        return moved


def _reason(verdict: Verdict, actor: str, first: Promotion | None, otherwise: str, *, waits: bool) -> str:
    said = f"The gate says: {verdict}.{otherwise}"
    if waits:
        void = "" if first is None else f" Decision {first.number} of {first.actor} has expired."
        return f"{said}{void} It needs the approval of a person other than {actor}."
    return said if first is None else f"{said} It approves decision {first.number} of {first.actor}."


def _require_alias(alias: str) -> None:
    if not re.fullmatch(ALIAS, alias):
        said = "must have 1 to 63 letters, digits, `-` and `_`, and not be `latest` or a version such as `v1`"
        raise InvalidRequest("The alias is invalid.", problems=[FieldProblem("/alias", "alias", said)])


def _moved(name: str, alias: str, now: str | None) -> Conflict:
    where = "names no version" if now is None else f"is version {now}"
    return Conflict(
        f"The alias {alias} of {name} was moved by somebody else: it {where} now.",
        hint="Check it with `training-pipeline models list`, then decide again.",
    )
