"""A judge model says of each answer whether it is right: questions to one OpenAI-compatible endpoint, and to no other.

Question, reference and answer go there and nowhere else; what comes back is a number, or the word for why there is
none. No redirect is followed, no error is quoted, and the key stays in the environment.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from ..stop import Stopped, StopRequest
from .judge_prompt import prompt, verdict
from .suite_pairs import Asked

#: Why an answer has no verdict. The first two say that it was not sent: it may not be, or there is none.
CLASSIFICATION: Final = "classification"
UNANSWERED: Final = "unanswered"
TOO_LONG: Final = "too_long"
UNREACHABLE: Final = "unreachable"
SLOW: Final = "slow"
ERROR: Final = "error"
BUSY: Final = "busy"
REDIRECT: Final = "redirect"
KEY_REFUSED: Final = "key_refused"
NOT_FOUND: Final = "not_found"
REFUSED: Final = "refused"
TOO_LARGE: Final = "too_large"
NO_VERDICT: Final = "no_verdict"
GIVEN_UP: Final = "given_up"

#: What may be otherwise a moment later, and what is the same for every answer.
_PASSING: Final = {UNREACHABLE, SLOW, ERROR, BUSY}
_LASTING: Final = {REDIRECT, KEY_REFUSED, NOT_FOUND}
#: After so many answers in a row for which it failed, a judge is asked no more.
_GIVEN_UP_AFTER: Final = 3
#: Characters of a question, and bytes of a reply, that are the most.
_LONGEST: Final = 100_000
_LARGEST: Final = 1 << 18
_CONNECT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
#: What a model may be called by whoever answers: a text is none.
_NAME: Final = re.compile(r"[A-Za-z0-9@][\w./:@+-]{0,127}", re.ASCII)


@dataclass(frozen=True, slots=True)
class JudgeOrder:
    """The endpoint: `key_env` names the variable with its key, `pauses` are the seconds between tries."""

    name: str
    url: str
    model: str
    key_env: str | None
    seconds: float
    at_once: int
    max_tokens: int
    pauses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """1 for right, 0 for wrong, or the word for why there is no verdict; and the model as the endpoint calls it.

    Where there was nothing to judge it is wrong, and the word says that nobody was asked.
    """

    score: float | None
    reason: str | None = None
    model: str | None = None


class Judge:
    """Asks one judge. What it has failed at is remembered for all models of a run."""

    def __init__(self, order: JudgeOrder) -> None:
        self._order = order
        self._failed = 0

    def judge(self, asked: Sequence[Asked], answers: Sequence[str | None], stop: StopRequest) -> list[Judged]:
        """The verdicts, in order; an answer that there is none of is wrong. Raises `Stopped`, and nothing else."""
        found: list[Judged | None] = [
            Judged(None, CLASSIFICATION) if not each.pair.may_be_judged else None if answer else Judged(0.0, UNANSWERED)
            for each, answer in zip(asked, answers, strict=True)
        ]
        left = [index for index, judged in enumerate(found) if judged is None]
        if left and not _can_be_sent(self._key()):
            found = [judged or Judged(None, KEY_REFUSED) for judged in found]
        elif left:
            texts = [(_conversation(asked[index]), asked[index].expected, str(answers[index])) for index in left]
            for index, judged in zip(left, asyncio.run(self._all(texts, stop)), strict=True):
                found[index] = judged
        return [judged for judged in found if judged is not None]

    def _key(self) -> str:
        return os.environ.get(self._order.key_env or "", "").strip()

    async def _all(self, texts: Sequence[tuple[list[dict[str, Any]], str, str]], stop: StopRequest) -> list[Judged]:
        import httpx2

        order = self._order
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if order.key_env is not None:
            headers["Authorization"] = f"Bearer {self._key()}"
        turns = asyncio.Semaphore(order.at_once)
        timeout = httpx2.Timeout(order.seconds, connect=min(_CONNECT_SECONDS, order.seconds))
        # A proxy tunnels TLS and reads nothing; to this machine none leads.
        async with httpx2.AsyncClient(
            headers=headers, timeout=timeout, follow_redirects=False, trust_env=not leads_here(order.url)
        ) as client:
            tasks = [asyncio.create_task(self._one(client, turns, *each)) for each in texts]
            while any(not task.done() for task in tasks):
                await asyncio.wait(tasks, timeout=_LOOK_SECONDS)
                if stop.asked:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    raise Stopped
            return [task.result() for task in tasks]

    async def _one(
        self, client: Any, turns: asyncio.Semaphore, conversation: list[dict[str, Any]], expected: str, answer: str
    ) -> Judged:
        messages, key = prompt(conversation, expected, answer)
        if sum(len(message["content"]) for message in messages) > _LONGEST:
            return Judged(None, TOO_LONG)
        async with turns:
            judged = Judged(None, GIVEN_UP)
            for pause in (*self._order.pauses, None):
                if self._failed >= _GIVEN_UP_AFTER:
                    return Judged(None, GIVEN_UP)
                judged = await self._try(client, messages, key)
                if judged.reason not in _PASSING or pause is None:
                    break
                await asyncio.sleep(pause)
        if judged.reason in _LASTING:
            self._failed = _GIVEN_UP_AFTER
        elif judged.reason in _PASSING:
            self._failed += 1
        elif self._failed < _GIVEN_UP_AFTER:
            self._failed = 0
        return judged

    async def _try(self, client: Any, messages: list[dict[str, str]], key: str) -> Judged:
        """One request, within its time whatever the other side does."""
        import httpx2

        order = self._order
        body = {"model": order.model, "messages": messages, "temperature": 0, "max_tokens": order.max_tokens}
        try:
            async with (
                asyncio.timeout(order.seconds),
                client.stream("POST", f"{order.url}/chat/completions", json=body) as response,
            ):
                if (wrong := _wrong(response.status_code)) is not None:
                    return Judged(None, wrong)
                if response.headers.get("content-encoding", "identity") != "identity":
                    return Judged(None, NO_VERDICT)
                held = bytearray()
                async for part in response.aiter_raw():
                    held += part
                    if len(held) > _LARGEST:
                        return Judged(None, TOO_LARGE)
        except (TimeoutError, httpx2.TimeoutException):
            return Judged(None, SLOW)
        except (httpx2.HTTPError, OSError):
            return Judged(None, UNREACHABLE)
        except (httpx2.InvalidURL, ValueError):  # such as half a character in a text
            return Judged(None, REFUSED)
        return _read(bytes(held), key)


def _can_be_sent(key: str) -> bool:
    """Whether a header can carry a key."""
    return key.isascii() and (not key or key.isprintable())


def leads_here(url: str) -> bool:
    """Whether a connection of this process to `url` stays on this machine: by the rule of `domain.loopback`."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong(status: int) -> str | None:
    """What a status says, None where it is an answer."""
    if status == 200:
        return None
    if 300 <= status < 400:
        return REDIRECT
    if status in (401, 403):
        return KEY_REFUSED
    if status == 404:
        return NOT_FOUND
    if status in (408, 429):
        return BUSY
    return ERROR if status >= 500 else REFUSED


def _read(body: bytes, key: str) -> Judged:
    """The verdict in a chat completion."""
    try:
        said = json.loads(body)
        (choice,) = said["choices"]
        reply, named = choice["message"]["content"], said.get("model")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Judged(None, NO_VERDICT)
    model = named if isinstance(named, str) and _NAME.fullmatch(named) else None
    score = verdict(reply, key) if isinstance(reply, str) else None
    return Judged(score, None if score is not None else NO_VERDICT, model)


def _conversation(asked: Asked) -> list[dict[str, Any]]:
    return asked.pair.example.messages[: asked.pair.last_answer]
