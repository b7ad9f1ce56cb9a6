"""An edit of a pair by a steward: what it may change, what it may not, and what the log keeps of it.

An edit touches neither the constraints of the pair's canonical label nor the tags of its source: the gates ask all
three, so that no edit opens a use that label or tags close. One that would pretend to is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict

from training_pipeline.domain.hash_key import HashKey
from training_pipeline.domain.rules.examples.chat_format import is_blank, word_of
from training_pipeline.domain.storable import storable
from training_pipeline.domain.usage import STRICTNESS, DataClassification, Status, TagConstraints, Use

_CONSTRAINTS: Final = ("allowed_uses", "prohibited_uses", "usage_reason", "data_classification")
#: The columns that an edit may change.
_EDITED: Final = (
    *("status", "messages", *_CONSTRAINTS),
    *("reviewed_by", "reviewed_at", "constraints_set_by", "constraints_set_at"),
)
#: The words for what an edit changes, in the order in which it is told.
WORDS: Final = {
    "status": "status",
    "row_hash": "answer",
    "allowed_uses": "allowed uses",
    "prohibited_uses": "prohibited uses",
    "usage_reason": "usage reason",
    "data_classification": "classification",
}
_USES: Final = frozenset(Use)
#: The fields of a message in the order in which an example is rendered.
_FIELDS: Final = ("content", "name", "weight", "tool_calls", "tool_call_id")


class PairEdit(BaseModel):
    """What an edit sets; null leaves it as it is. An empty reason takes the reason away."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: Status | None = None
    answer: str | None = None
    allowed_uses: tuple[Use, ...] | None = None
    prohibited_uses: tuple[Use, ...] | None = None
    usage_reason: str | None = None
    data_classification: DataClassification | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it sets nothing."""
        return not self.model_dump(exclude_none=True)

    @property
    def sets_constraints(self) -> bool:
        """Whether it sets uses, their reason or the classification."""
        return any(getattr(self, name) is not None for name in _CONSTRAINTS)


class PairFacts(BaseModel):
    """What the log keeps of a pair. Never its text: `row_hash` is the SHA-256 of its example, as datasets have it,
    under the key of the training sheet where it has one.
    """

    model_config = ConfigDict(frozen=True)

    status: str | None
    allowed_uses: tuple[str, ...] | None
    prohibited_uses: tuple[str, ...] | None
    usage_reason: str | None
    data_classification: str | None
    reviewed_by: str | None
    reviewed_at: str | None
    constraints_set_by: str | None
    constraints_set_at: str | None
    row_hash: str | None
    #: The key that the hash is under; null for a hash without one.
    hash_key: str | None = None

    @classmethod
    def of(cls, pair: Mapping[str, Any], key: HashKey | None = None) -> Self:
        """The facts of a pair with the columns of `PAIR_SCHEMA`, its hash under the key."""
        values = {name: _storable(pair.get(name)) for name in cls.model_fields if name not in {"row_hash", "hash_key"}}
        hashed = row_hash(pair)
        if key is None or hashed is None:
            return cls(**values, row_hash=hashed)
        return cls(**values, row_hash=key.of(hashed), hash_key=key.id)

    @property
    def open_uses(self) -> frozenset[str]:
        """The uses that the pair itself allows and does not prohibit."""
        return _open(self.allowed_uses, self.prohibited_uses)


def edited(pair: Mapping[str, Any], edit: PairEdit, *, actor: str, at: str) -> dict[str, Any]:
    """The pair after the edit: who decides on a status or an answer has reviewed it, who sets constraints set them."""
    made = dict(pair)
    if edit.status is not None:
        made["status"] = str(edit.status)
    if edit.answer is not None:
        *before, last = made["messages"]
        made["messages"] = [*before, {**last, "content": edit.answer}]
    if edit.status is not None or edit.answer is not None:
        made |= {"reviewed_by": actor, "reviewed_at": at}
    for name in ("allowed_uses", "prohibited_uses"):
        if (uses := getattr(edit, name)) is not None:
            made[name] = [str(use) for use in Use if use in uses]
    if edit.usage_reason is not None:
        made["usage_reason"] = edit.usage_reason.strip() or None
    if edit.data_classification is not None:
        made["data_classification"] = str(edit.data_classification)
    if edit.sets_constraints:
        made |= {"constraints_set_by": actor, "constraints_set_at": at}
    return made


def restored(now: Mapping[str, Any], before: Mapping[str, Any], *, actor: str, at: str) -> dict[str, Any]:
    """The pair with all that edits change as it was before one; what no edit touches stays as it is now.

    Where that opens a use that is closed now, `actor` has set the constraints.
    """
    made = {**now, **{name: before.get(name) for name in _EDITED}}
    if PairFacts.of(before).open_uses - PairFacts.of(now).open_uses:
        made |= {"constraints_set_by": actor, "constraints_set_at": at}
    return made


def faults(pair: Mapping[str, Any], edit: PairEdit, tags: TagConstraints) -> Iterator[tuple[str, str, str]]:
    """What keeps the edit from this pair: the field, a stable code, and what is wrong."""
    if edit.answer is not None:
        messages = pair.get("messages")
        if not messages or messages[-1].get("role") != "assistant":
            yield "answer", "no_answer", "the pair does not end with an assistant's turn"
        if is_blank(edit.answer):
            yield "answer", "missing_content", "must not be empty"
        elif any(character == "\0" or "\ud800" <= character <= "\udfff" for character in edit.answer):
            yield "answer", "unstorable", "holds a character that cannot be stored"
    if edit.allowed_uses is not None and edit.prohibited_uses is not None:
        for use in sorted(set(edit.allowed_uses) & set(edit.prohibited_uses)):
            yield "allowed_uses", "also_prohibited", f"{use} cannot be both allowed and prohibited"
    yield from _beyond(pair, edit, tags)


def row_hash(pair: Mapping[str, Any]) -> str | None:
    """The hash of a pair's example, as datasets have it (`rules.rendering`); null where there are no messages."""
    if not (messages := pair.get("messages")):
        return None
    tools = f'"tools":{pair["tools"]},' if pair.get("tools") else ""
    line = "{" + tools + '"messages":[' + ",".join(map(_message, messages)) + "]}"
    return hashlib.sha256(line.encode("utf-8", "surrogatepass")).hexdigest()


def told(before: PairFacts, after: PairFacts) -> str:
    """What changed, in words: `status unlabeled to labeled, answer edited`."""
    said = []
    for name, words in WORDS.items():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            said.append("answer edited" if name == "row_hash" else f"{words} {_shown(old)} to {_shown(new)}")
    return "; ".join(said) or "confirmed as it was"


def _beyond(pair: Mapping[str, Any], edit: PairEdit, tags: TagConstraints) -> Iterator[tuple[str, str, str]]:
    """What the edit would allow though the pair's label or its source's tags do not."""
    if edit.allowed_uses is not None or edit.prohibited_uses is not None:
        before = _open(pair.get("allowed_uses"), pair.get("prohibited_uses"))
        allowed = pair.get("allowed_uses") if edit.allowed_uses is None else edit.allowed_uses
        prohibited = pair.get("prohibited_uses") if edit.prohibited_uses is None else edit.prohibited_uses
        field = "prohibited_uses" if edit.allowed_uses is None else "allowed_uses"
        for use in sorted(_open(allowed, prohibited)):
            if use in before and use not in (edit.allowed_uses or ()):
                continue  # it was open before, for what that is worth
            if (why := _label_closes(pair, use)) is not None:
                yield field, "beyond_label", f"{use}: {why}"
            elif use in tags.prohibits:
                yield field, "beyond_tags", f"{use}: {tags.reason}, which prohibits it"
    if edit.data_classification is not None:
        rank = STRICTNESS.index(edit.data_classification)
        of_label = word_of(pair.get("label_data_classification"))
        if of_label and of_label not in set(STRICTNESS):
            yield "data_classification", "label_unreadable", "the classification of its canonical label is unknown"
        elif of_label and STRICTNESS.index(DataClassification(of_label)) > rank:
            yield "data_classification", "beyond_label", f"its canonical label is {of_label}"
        elif tags.classification is not None and STRICTNESS.index(tags.classification) > rank:
            yield "data_classification", "beyond_tags", f"{tags.reason}, which makes it {tags.classification}"


def _label_closes(pair: Mapping[str, Any], use: str) -> str | None:
    allowed, prohibited = (_words(pair.get(f"label_{kind}_uses")) for kind in ("allowed", "prohibited"))
    if not ((allowed or frozenset()) | (prohibited or frozenset())) <= _USES:
        return "the constraints of its canonical label cannot be read"
    if allowed is not None and use not in allowed:
        return "its canonical label does not allow it"
    if prohibited is not None and use in prohibited:
        return "its canonical label prohibits it"
    return None


def _open(allowed: Sequence[str | None] | None, prohibited: Sequence[str | None] | None) -> frozenset[str]:
    return (_words(allowed) or frozenset()) - (_words(prohibited) or frozenset())


def _words(uses: Sequence[str | None] | None) -> frozenset[str] | None:
    return None if uses is None else frozenset(word_of(use) for use in uses)


def _message(message: Mapping[str, Any]) -> str:
    parts = [f'"role":{_json(message.get("role"))}']
    for name in _FIELDS:
        value = message.get(name)
        if value is None:
            continue
        if name == "weight":
            parts.append(f'"weight":{int(value) if value in (0, 1) else -1}')
        else:
            parts.append(f'"{name}":{value if name == "tool_calls" else _json(value)}')
    return "{" + ",".join(parts) + "}"


def _json(text: str | None) -> str:
    return json.dumps(text, ensure_ascii=False)


def _storable(value: object) -> Any:
    """What no database holds, replaced."""
    if isinstance(value, str):
        return storable(value)
    return tuple(_storable(word) for word in value if word is not None) if isinstance(value, list | tuple) else value


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "not stated" if value is None else str(value)
