"""What a backend is told of a judge, and what it tells of it in the end. No key, and no text of a pair or an answer."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict

from training_pipeline.infra.retry import RetryPolicy

#: Four tries of an answer within half a minute: a restart costs nothing. Whoever fails for long is given up on by the
#: program that asks.
RETRIES: Final = RetryPolicy(first=1.0, factor=4.0, jitter=0.25, attempts=4)


class JudgeOrder(BaseModel):
    """The endpoint to ask; see `domain.judge.JudgeEndpoint`. `pauses` are the seconds between the tries of an answer.

    The key is read from the variable `key_env` by who asks, and is in no order.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    url: str
    model: str
    key_env: str | None = None
    seconds: float
    at_once: int
    max_tokens: int
    pauses: tuple[float, ...]


class JudgedAnswers(BaseModel):
    """What came of a judge for the answers of one model: evaluated = judged + unanswered + not sent + all of
    `not_judged`.
    """

    model_config = ConfigDict(frozen=True)

    prompt_version: str
    #: The models that answered, as the endpoint calls them.
    models: tuple[str, ...]
    judged: int
    #: Questions without an answer, so that there was nothing to judge: they are wrong.
    unanswered: int = 0
    #: Pairs whose classification it may not read.
    not_sent: int
    #: Answers that it was to judge and did not, by reason.
    not_judged: dict[str, int]
    #: Answers of which exact match says the same.
    agreed: int
    #: The reason why there is no metric of the judge; null where there is one.
    missing: str | None
