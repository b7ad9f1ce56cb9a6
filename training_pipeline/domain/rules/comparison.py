"""What pairs are compared by: the questions a conversation asks, the examples it shows, and what it is a copy of.

System messages stand aside. A conversation asks a question before each assistant's turn (and at its end, where no
assistant answers): everything said so far. It asks the same question as another where that was the whole of the other;
so it is also looked at from each of its latest turns on, and such a question is marked by `+`, or by `*` where it is
that of one turn alone. Where a turn has several messages, each of the user's is also looked at as if it were the only
one, and so is what the user says in messages that follow each other; that is marked by `+`. A conversation shows an
example with each assistant's turn, found in the same ways. A message counts by its role, its content in the loose form
(`normal_form.py`) and, the assistant's, by what it calls (`called.py`). Where a turn asks nothing visible, there is no
question.

The text of a turn is hashed once; what several turns say is hashed by their hashes, however often it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.examples.rendering import row_hash
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.examples.validity import has_messages
from training_pipeline.domain.rules.spoken import (
    ANSWER,
    CALLS,
    is_short,
    lettered,
    spoken,
)
from training_pipeline.domain.rules.text.dialects import EngineWords, where
from training_pipeline.domain.rules.text.normal_form import NormalForm
from training_pipeline.domain.rules.turns import ALONE, VISIBLE, Turns

#: What stands before the text of a question that is asked outright: in a pair of one turn, or of several.
ONLY, OUTRIGHT = "1", "="
#: Characters of what a conversation asks, up to a turn before its last one, that are compared with nearly equal ones.
LONGEST: Final = 4_000
#: What of the text of a question is no content: roles, and tool calls.
NO_CONTENT: Final = f"{CALLS}[^A-Z]*|[A-Z]"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Adds what is compared to a table with `messages`, in the words of one engine."""

    words: EngineWords
    #: Writes an example as its canonical line.
    rendered: Callable[[ir.ArrayValue], ir.StringValue]
    #: `normal_form_table`, where the engine holds it.
    forms: ir.Table

    @property
    def _turns(self) -> Turns:
        return Turns(self.words)

    def of(self, judged: ir.Table) -> ir.Table:
        """The verdicts of `judge_each` with four texts in place of `messages` and `tools`.

        `row_hash`: SHA-256 of the line of the example; null where no rule compares it. `copy_hash`: the same where only
        roles, tool calls, the strict form of contents and the tool definitions count; null where the pair has a reason.
        `asked`: a hash for each question, the marked ones first, between blanks; null where there are none. `shown`: a
        hash of the whole example, then of those it shows; null where no rule compares it, and where there are a message
        and its answer alone: then a prohibited pair has to ask the same first, see `examples`.
        """
        table = self._lettered(judged)
        form = NormalForm(self.words, table)
        several = ~is_short(table.letters)
        said = table.select(
            *(name for name in judged.columns if name != "messages"),
            row_hash=row_hash(
                where(table.reason.isnull() | table.prohibited, with_tools(self.rendered(table.messages), table.tools))
            ),
            settled=ibis.cases((table.reason.isnull(), _settled(table.messages, form))),
            spoken=where(has_messages(table.messages), spoken(table, form, table.prohibited | several)),
            shows=(table.prohibited | (table.reason.isnull() & several)).fill_null(False),
        )
        turned = self._turns.hashed(self._turns.turned(said))
        return turned.select(
            *(name for name in said.columns if name not in {"spoken", "settled", "shows", "tools"}),
            copy_hash=where(
                turned.reason.isnull(),
                ibis.coalesce(row_hash(with_tools(self.rendered(turned.settled), turned.tools)), turned.row_hash),
            ),
            asked=self._turns.asked(turned),
            shown=where(turned.shows, self._turns.shown(turned)),
        )

    def copies(self, pairs: ir.Table) -> ir.Table:
        """`pair_id` of a table with `messages` and `tools`, and the `copy_hash` that `of` gives it."""
        table = pairs.cross_join(self.forms)
        settled = ibis.coalesce(_settled(table.messages, NormalForm(self.words, table)), table.messages)
        return table.select("pair_id", copy_hash=row_hash(with_tools(self.rendered(settled), table.tools)))

    def questions(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and `asked`."""
        table = self._lettered(pairs)
        form = NormalForm(self.words, table)
        said = where(has_messages(table.messages), spoken(table, form, ~is_short(table.letters)))
        turned = self._turns.hashed(self._turns.turned(table.select(*pairs.columns, spoken=said)))
        return turned.select(*pairs.columns, asked=self._turns.asked(turned))

    def turn_texts(self, pairs: ir.Table) -> ir.Table:
        """What `with_turn_texts` adds, in place of `messages`."""
        return self.with_turn_texts(pairs).drop("messages")

    def with_turn_texts(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and `asks`: a text for each question that is asked outright or in one
        turn alone. It begins with a mark (`ONLY`, `OUTRIGHT` or `ALONE`) and the question's hash, as in `asked`; then
        come the contents in their loose form, without roles and system messages. Null where there are no messages.

        Of what turns before the last one ask together with all before them, only up to `LONGEST` characters are looked
        at: a long conversation would be read again for each of its turns.
        """
        table = self._lettered(pairs)
        said = spoken(table, NormalForm(self.words, table), ibis.literal(False))
        turned = self._turns.hashed(self._turns.turned(table.select(*pairs.columns, spoken=said)))
        asks = where(has_messages(turned.messages), self._turn_texts(turned))
        return turned.select(*pairs.columns, asks=asks)

    def _turn_texts(self, turned: ir.Table) -> ir.ArrayValue:
        turns = self._turns

        def text(turn: ir.StringValue) -> ir.StringValue:
            return turns.without_rows(turn).re_replace(NO_CONTENT, "")

        def at(turn: ir.StringValue, turns_before: ir.IntegerValue) -> ir.ArrayValue:
            own, nothing = turns.own(turn), self.words.between(turned.turns, ibis.literal(0), ibis.literal(0))
            asked = turns.hash_of(turns.without_rows(own))
            before = text(turns.whole(self.words.between(turned.turns, ibis.literal(0), turns_before)))
            outright = (
                ibis.literal(OUTRIGHT) + turns.since(turned, ibis.literal(0), turns_before, asked) + before + text(own)
            )
            alone = ibis.array([ibis.literal(ALONE) + asked + text(own)])
            looked_at = (before.length() + own.length() <= LONGEST) | (turns_before == turned.turns.length() - 1)
            texts = ibis.cases((looked_at, ibis.array([outright])), else_=nothing)
            asks = ibis.cases((turns_before == 0, texts), else_=texts.concat(alone))
            return ibis.cases((own.re_search(VISIBLE), asks), else_=nothing)

        def only(own: ir.StringValue) -> ir.ArrayValue:
            asked = turns.without_rows(own)
            return ibis.array([ibis.literal(ONLY) + turns.hash_of(asked) + asked.re_replace(NO_CONTENT, "")])

        first = self.words.text_at(turned.turns, ibis.literal(0))
        return ibis.cases(
            (turned.turns.isnull(), only(self.words.text_at(turned.spoken, ibis.literal(0)))),
            ((turned.turns.length() == 1) & first.contains(ANSWER), only(turns.own(first))),
            else_=turned.turns.map(at).flatten(),
        )

    def examples(self, pairs: ir.Table) -> ir.Table:
        """`pair_id` of a table with `messages`, and as `example` the hash of the whole example, of a message and its
        answer alone.
        """
        table = self._lettered(pairs)
        said = spoken(table, NormalForm(self.words, table), ibis.literal(True))
        return table.select("pair_id", example=self._turns.hash_of(self._turns.whole(said)))

    def shown(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and in their place as `shown` the hash of the whole example, then of those it shows,
        between blanks; null where there are no messages.
        """
        table = self._lettered(pairs)
        others = [name for name in pairs.columns if name != "messages"]
        said = spoken(table, NormalForm(self.words, table), ibis.literal(True))
        spoke = table.select(*others, spoken=where(has_messages(table.messages), said))
        turned = self._turns.hashed(self._turns.turned(spoke))
        return turned.select(*others, shown=self._turns.shown(turned))

    def _lettered(self, pairs: ir.Table) -> ir.Table:
        return lettered(self.words, pairs).cross_join(self.forms)


def _settled(messages: ir.ArrayValue, form: NormalForm) -> ir.ArrayValue:
    """Messages with only what makes a copy, contents in their strict form; null where they have nothing else."""
    unsettled = messages.filter(
        lambda message: (
            message["name"].notnull()
            | message["weight"].cast("string").notnull()
            | message["tool_call_id"].notnull()
            | ~form.is_strict(message["content"]).fill_null(True)
        )
    )
    settled = messages.map(
        lambda message: ibis.struct(
            {
                "role": message["role"],
                "content": form.strict(message["content"]),
                "name": ibis.null("string"),
                "weight": ibis.null("float64"),
                "tool_calls": message["tool_calls"],
                "tool_call_id": ibis.null("string"),
            }
        )
    )
    return ibis.cases((unsettled.length() > 0, settled))
