"""What messages say, in a form to compare: a letter for the role, then the loose form of the text, then the calls."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.examples.called import called
from training_pipeline.domain.rules.text.characters import word_of
from training_pipeline.domain.rules.text.dialects import EngineWords, let, where
from training_pipeline.domain.rules.text.normal_form import NormalForm

#: Roles as capital letters, which no text in its loose form has: nothing can pose as the border of two messages.
#: `CALLS` stands before each part of what an answer calls, `ROW` before what the user says in messages in a row, as
#: one, behind the first of them. In alphabetical order a message comes before what stands behind it.
USER, ANSWER, TOOL, SYSTEM, UNKNOWN, CALLS, ROW = "UATSXCW"
#: So many messages in a row count as one.
LONGEST_ROW: Final = 8
#: Messages of a pair that asks one thing, once.
PLAIN: Final = 2


def lettered(words: EngineWords, pairs: ir.Table) -> ir.Table:
    """The pairs with the letter of each message's role, as `letters`, and with `rows`. In it is, in the place of the
    first of several messages that the user sends in a row, what all of them say; it is null for a pair without such a
    row, or with two messages.
    """
    messages = pairs.messages
    letters = words.joined(messages.map(lambda message: _letter(message["role"])), "")

    def is_user(place: ir.IntegerValue) -> ir.BooleanValue:
        return _letter(words.message_at(messages, place)["role"]) == USER

    def following(place: ir.IntegerValue, left: int) -> ir.StringValue:
        # Written out: each function over a list in another is one more level, and Spark goes through a hundred.
        content = words.message_at(messages, place)["content"].fill_null("")
        more = following(place + 1, left - 1) if left > 1 else ibis.literal("")
        return ibis.cases((is_user(place), content + more), else_="")

    def row(_: ir.StructValue, place: ir.IntegerValue) -> ir.StringValue:
        # A CASE, for Spark counts the place before the first from the end.
        follows = ibis.cases((place > 0, is_user(place - 1)), else_=False)
        return where(is_user(place) & is_user(place + 1) & ~follows, following(place, LONGEST_ROW))

    has_rows = (messages.length() > PLAIN) & letters.contains(USER * 2)
    # As a view, so that Ibis does not write the letters at every use.
    return pairs.mutate(letters=letters, rows=where(has_rows, messages.map(row))).view()


def spoken(table: ir.Table, form: NormalForm, shows: ir.BooleanValue) -> ir.ArrayValue:
    """A text for each message of a `lettered` table but those of the system: its letter and what it says, then the
    parts of what an answer calls, or, of the first of several messages that the user sends in a row, all of them as
    one. A last answer says nothing unless examples are compared.
    """
    words = form.words
    last = table.letters.length() - 1

    def text(message: ir.StructValue, nth: ir.IntegerValue) -> ir.StringValue:
        letter = words.cut(table.letters, nth, 1)
        unseen = ibis.cases(((letter == ANSWER) & (nth == last), ~shows), else_=letter == SYSTEM)
        content = form.squeezed(ibis.cases((unseen, ""), else_=message["content"].fill_null("")))
        calls = message["tool_calls"]
        row = words.text_at(table.rows, nth)
        texts = ibis.cases(
            (
                calls.notnull() & (letter == ANSWER) & ~unseen,
                ibis.array([content]).concat(called(calls, words, form)),
            ),
            (row.notnull(), ibis.array([content, form.squeezed(row)])),
            else_=ibis.array([content]),
        )
        other = ibis.cases((letter == USER, ROW), else_=CALLS)
        said = form.loose_each(texts, lambda loose, number: ibis.cases((number == 0, letter), else_=other) + loose)
        # In order, for the parts of calls have none of their own.
        return let(
            said,
            lambda parts: ibis.cases((parts.length() == 1, parts[0]), else_=words.joined(parts.sort(), "")),
        )

    return table.messages.map(text).filter(lambda text: ~text.startswith(SYSTEM))


def _letter(role: ir.StringValue) -> ir.StringValue:
    known = {"user": USER, "assistant": ANSWER, "system": SYSTEM, "tool": TOOL}
    word = word_of(role)
    return ibis.cases(
        *((role == name, letter) for name, letter in known.items()),
        *((word == name, letter) for name, letter in known.items()),
        else_=UNKNOWN,
    )


def is_short(letters: ir.StringValue) -> ir.BooleanValue:
    """Whether a pair is one message and its answer, behind at most one of the system."""
    return letters.re_search(f"^(?:{SYSTEM}[^{ANSWER}]|[^{SYSTEM}{ANSWER}]).$")
