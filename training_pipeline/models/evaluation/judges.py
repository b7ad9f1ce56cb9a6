"""The judges of this installation: which there are, what they may read, and what came of one."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.judging import RETRIES, JudgedAnswers, JudgeOrder
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.judge import JudgeEndpoint
from training_pipeline.domain.usage import STRICTNESS, DataClassification

#: The metric of a judge.
METRIC: Final = "judged_right"
_SETTING: Final = "TRAINING_PIPELINE_JUDGES"
_REASONS: Final[Mapping[str, str]] = {
    "classification": "none of the pairs may be sent to it. Raise TRAINING_PIPELINE_JUDGE_MAX_CLASSIFICATION if it may "
    "read more than `{most}`, or choose a judge that is still in the settings",
    "unreachable": "it could not be reached. Start it, or correct its url in TRAINING_PIPELINE_JUDGES",
    "slow": "it did not answer in time. Raise `seconds` or lower `at_once` in TRAINING_PIPELINE_JUDGES",
    "error": "it answered with errors of its own (HTTP 5xx). Look at its log",
    "busy": "it was too busy (HTTP 429). Lower `at_once` in TRAINING_PIPELINE_JUDGES, or ask it later",
    "redirect": "it sent a redirect, which is not followed. Name the final url in TRAINING_PIPELINE_JUDGES",
    "key_refused": "it refused the key (HTTP 401 or 403), or no header can carry it. Correct the variable that "
    "`key_env` names",
    "not_found": "it does not know the url or the model (HTTP 404). Correct both in TRAINING_PIPELINE_JUDGES",
    "refused": "it refused the requests (HTTP 4xx). See whether it speaks OpenAI's chat completions, with temperature "
    "and max_tokens",
    "too_large": "its answers were too large to be verdicts. Name another model in TRAINING_PIPELINE_JUDGES",
    "too_long": "the questions are too long for a judge. Choose a suite of shorter ones",
    "no_verdict": "what it answered was no verdict. Name a model that keeps to a format in TRAINING_PIPELINE_JUDGES, "
    "or raise `max_tokens` for one that thinks first",
}


class Judging(BaseModel):
    """The judge of an evaluation: who it is, what it may read, and, at the end, the results for each model."""

    model_config = ConfigDict(frozen=True)

    order: JudgeOrder
    max_classification: DataClassification
    answers: dict[str, JudgedAnswers] | None = None

    @property
    def answered_as(self) -> frozenset[str]:
        """The models that answered, as the endpoint calls them."""
        return frozenset(model for each in (self.answers or {}).values() for model in each.models)

    def is_like(self, other: Judging | None) -> bool:
        """Whether its verdicts may stand beside those of the other one."""
        if other is None:
            return False
        mine, theirs = (
            (
                each.order.url,
                each.order.model,
                each.answered_as,
                {answers.prompt_version for answers in (each.answers or {}).values()},
            )
            for each in (self, other)
        )
        return mine == theirs

    def missing(self, role: str) -> str | None:
        """Why there is no metric of the judge for this model, with what to do; None where there is one."""
        found = (self.answers or {}).get(role)
        if found is None or found.missing is None:
            return None
        said = _REASONS.get(found.missing, "it failed").format(most=self.max_classification)
        return f"{METRIC} is missing, for the judge {self.order.name} failed: {said}. Then evaluate again."


class Judges:
    """The judges that an admin named in the settings, by name. Their keys stay in the environment."""

    def __init__(
        self,
        endpoints: Mapping[str, JudgeEndpoint],
        most: DataClassification,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._endpoints, self._most, self._environment = endpoints, most, environment

    def named(self, name: str) -> Judging:
        """The judge of this name. Raises `InvalidRequest` where there is none, or its key is not here. Reads the key's
        variable, and keeps nothing of it.
        """
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            known = ", ".join(sorted(self._endpoints)) or "there is none"
            raise InvalidRequest(
                f"There is no judge {name!r}.",
                problems=[FieldProblem("/judge", "unknown_judge", f"must be a judge of {_SETTING}: {known}")],
                hint=f"Choose one of {_SETTING} ({known}), or have an admin name it there.",
            )
        if endpoint.key_env is not None and not self._environment.get(endpoint.key_env, "").strip():
            raise InvalidRequest(
                f"The judge {name!r} needs the key in the environment variable {endpoint.key_env}, which is not set.",
                hint="Set it where `training-pipeline up` is started, then restart that.",
            )
        order = JudgeOrder(name=name, pauses=RETRIES.pauses(), **endpoint.model_dump())
        return Judging(order=order, max_classification=self._most)

    def readable(self, judging: Judging | None) -> Collection[str]:
        """The classifications of pairs that may be sent to it now: of those that held when it was chosen and those that
        hold now the fewer; none where it is another endpoint by now.
        """
        if judging is None:
            return ()
        endpoint = self._endpoints.get(judging.order.name)
        if endpoint is None or endpoint.url != judging.order.url:
            return ()
        most = min(STRICTNESS.index(judging.max_classification), STRICTNESS.index(self._most))
        return frozenset(map(str, STRICTNESS[: most + 1]))
