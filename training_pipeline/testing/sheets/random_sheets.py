"""Training sheets of related pairs, each made by a seed and a number alone, for millions of them.

Every text, id and item of a sheet holds its number: sheets have nothing in common that a gate or a tie compares, so
that many may be judged by one statement as if each stood alone.
"""

# ruff: noqa: RUF001 - questions in many scripts

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from training_pipeline.testing.sheets.pairs import ODD, Row, pair

Chat = list[dict[str, Any]]

#: Questions of sixty letters and more, so that one letter makes a nearly equal one; `#` is the number of the sheet.
_QUESTIONS: Final = (
    "Wie heißt der Patient, der über die Straße hinweg im Zimmer Ü# der großen Klinik gesehen wurde?",
    "Which of the efficient pumps in hall K# has to be opened before the first inspection of the year?",
    "Où est passée l'œuvre numéro N# que le musée avait prêtée à la ville pour son été d'exposition ?",
    "Почему ёлка с биркой Б# мёрзнет зимой во дворе, а йод в аптечке у медсестры никогда не мёрзнет?",
    "ガードレールの番号ガ#は、どのドアのそばに、いつ、だれによって、なぜ置かれたのですか？",
    "Ποιος είναι ο υπεύθυνος του έργου Σ# και πότε θα παραδώσει τους τελικούς λογαριασμούς του;",
    "Summarise what the caller of line L# said, and name everybody who has to call him back.",
    "Zażółć gęślą jaźń, powiedz mi, kto w dziale Z# odpowiada za źródła łączności i świeżość żółci?",
)
_ANSWERS: Final = ("Nobody knows about #.", "Purchasing, desk #.", "NUR # weiß es, Straße links.", "-#", "#")
_WIDE: Final = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_INVISIBLE: Final = "\u200b\ufeff\u00ad\u2060\ufe0f\u034f\x00 \u3000\n"

Change = Callable[[random.Random, str], str]
#: What makes the same question of another text, as a rule.
_DISGUISES: Final[tuple[Change, ...]] = (
    lambda _, text: text.upper(),
    lambda _, text: text.swapcase(),
    lambda _, text: unicodedata.normalize("NFD", text),
    lambda _, text: unicodedata.normalize("NFKC", text),
    lambda _, text: text.translate(_WIDE),
    lambda _, text: text.replace("ffi", "\ufb03").replace("ß", "ss"),
    lambda chance, text: chance.choice(["¿", "(", " - "]) + text.rstrip("?;？ ") + chance.choice(["", "!", "？", ")"]),
    lambda chance, text: _put(chance, text, chance.choice(_INVISIBLE)),
)
#: What makes a nearly equal one, or another one.
_SLIPS: Final[tuple[Change, ...]] = (
    lambda chance, text: _put(chance, text, chance.choice("aeiou")),
    lambda chance, text: _cut(chance, text),
    lambda chance, text: _put(chance, text, chance.choice("37")),
    lambda chance, text: chance.choice(_QUESTIONS)[10:30].replace("#", "") + text,
)
_SYSTEM: Final[tuple[Chat, ...]] = (
    *([], [], []),
    *([{"role": "system", "content": "Be brief."}], [{"role": "system", "content": "."}]),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a group of sheets is judged and split with."""

    tags: tuple[str, ...]
    #: A prompt that is put to more items is an instruction.
    items: int
    ratio: float


def random_asked(seed: int, group: int) -> Asked:
    """The same for the same seed and group."""
    chance = random.Random(f"{seed} asked {group}")
    tags = chance.choice([*[()] * 6, ("CONFIDENTIAL", "blue"), ("confidential",), ("PHI",)])
    return Asked(tags, chance.choice([1, 3, 20]), chance.choice([0.1, 0.5, 0.8, 0.8, 0.95]))


def random_sheet(seed: int, number: int) -> list[Row]:
    """The rows of the sheet with this number, the same for the same seed."""
    chance = random.Random(f"{seed} {number}")
    mark = f"{number:07d}"
    asked = [text.replace("#", mark) for text in chance.sample(_QUESTIONS, chance.randint(1, 4))]
    answers = [text.replace("#", mark) for text in chance.sample(_ANSWERS, 2)]
    return [_row(chance, mark, position, asked, answers) for position in range(chance.randint(1, 12))]


def shuffled(seed: int, rows: list[Row]) -> list[Row]:
    """The same rows in another order."""
    return random.Random(seed).sample(rows, len(rows))


def _row(chance: random.Random, mark: str, position: int, asked: list[str], answers: list[str]) -> Row:
    row = {
        **pair(0),
        "pair_id": f"p{mark}-{position:02d}",
        "messages": _chat(chance, mark, asked, answers),
        "item_ref": f"i{mark}-{chance.randrange(9)}",
        "canonical_label_id": chance.choice([None, None, "", f"l{mark}-{chance.randrange(4)}"]),
        "allowed_uses": chance.choice(
            [["training", "validation"], ["training", "validation"], ["training", "validation"], ["training"]]
        ),
    }
    if chance.random() < 0.1:
        row |= chance.choice([{"prohibited_uses": ["training"]}, {"allowed_uses": ["testing"]}])
    for name in chance.sample(sorted(ODD), chance.choice([0, 0, 0, 0, 0, 1, 2])):
        row[name] = chance.choice(ODD[name])
    if chance.random() < 0.05:
        name = chance.choice(["pair_id", "item_ref", "messages"])
        row[name] = _odd(chance, mark, position, name, row[name])
    return row


def _odd(chance: random.Random, mark: str, position: int, name: str, value: Any) -> Any:
    if name == "messages":
        messages: Chat = chance.sample(value, len(value))
        return chance.choice([None, [], messages, messages[:1], [{**messages[0], "role": "wizard"}, *messages[1:]]])
    return chance.choice([None, "", " \u3000", f" i{mark}-1 ", f"p{mark}-{max(position - 1, 0):02d}"])


def _chat(chance: random.Random, mark: str, asked: list[str], answers: list[str]) -> Chat:
    messages = [*chance.choice(_SYSTEM)]
    for _ in range(chance.choice([1, 1, 1, 1, 2, 3])):
        question = _written(chance, chance.choice(asked), slips=chance.random() < 0.25)
        answer = chance.choice(answers)
        if chance.random() < 0.3:
            answer = _written(chance, answer, slips=False)
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    kind = chance.random()
    if kind < 0.05:
        arguments = _json({"at": f"c{mark}", "n": chance.choice([1, -2.5, None, "ä"])})
        call = {"id": chance.choice(["c1", "c2"]), "function": {"name": f"f{mark}", "arguments": arguments}}
        messages[-1] |= {"content": chance.choice([None, messages[-1]["content"]]), "tool_calls": _json([call])}
    elif kind < 0.12:
        messages[-1] |= chance.choice(
            [
                {"weight": 0.0},
                {"weight": 1.0},
                {"weight": 0.5},
                {"name": "bob"},
                {"content": chance.choice(["", " ", None])},
            ]
        )
    elif kind < 0.15:
        messages.insert(chance.randrange(len(messages)), {"role": "tool", "content": f"t{mark}", "tool_call_id": "c1"})
    elif kind < 0.17:
        messages = [message for message in messages if message["role"] == "assistant"]
    return messages


def _json(value: Any) -> str:
    """As the columns of a sheet have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _written(chance: random.Random, text: str, *, slips: bool) -> str:
    if slips:
        text = chance.choice(_SLIPS)(chance, text)
    for change in chance.sample(_DISGUISES, chance.choice([0, 0, 1, 1, 2])):
        text = change(chance, text)
    return text


def _place(chance: random.Random, text: str) -> int:
    """Somewhere outside of the number."""
    digits = [at for at, character in enumerate(text) if character.isdigit()]
    start, end = (digits[0], digits[-1] + 1) if digits else (0, 0)
    places: list[int] = [*range(start + 1), *range(end, len(text) + 1)]
    return places[chance.randrange(len(places))]


def _put(chance: random.Random, text: str, what: str) -> str:
    at = _place(chance, text)
    return text[:at] + what + text[at:]


def _cut(chance: random.Random, text: str) -> str:
    at = _place(chance, text)
    return text if text[at : at + 1].isdigit() else text[:at] + text[at + 1 :]
