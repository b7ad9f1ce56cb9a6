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
    PLAIN,
    ROW,
    TOOL,
    UNKNOWN,
    USER,
    is_short,
    lettered,
    spoken,
)
from training_pipeline.domain.rules.text.dialects import EngineWords, where
from training_pipeline.domain.rules.text.normal_form import NormalForm

#: Hexadecimal digits of a hash: 128 bits, enough that no two questions of a sheet collide.
HASH_DIGITS: Final = 32
#: A conversation is looked at from its beginning and from each of this many turns, the last of them the one that asks.
LATEST: Final = 32
VISIBLE: Final = "[^A-Z]"
#: A turn: all that is said up to an answer, and the answer with its calls; or what nobody answers.
TURN: Final = f"[^{ANSWER}]*{ANSWER}[^{ANSWER}{USER}{TOOL}{UNKNOWN}{ROW}]*|[^{ANSWER}]+"
ASKING: Final = f"^[^{ANSWER}]*"
#: A turn of one message; a message of the user that says something; and a row of them, as one.
ONE_MESSAGE: Final = "^[A-Z]?[^A-Z]*$"
OF_USER: Final = f"{USER}[^A-Z]+"
IN_A_ROW: Final = f"{ROW}[^A-Z]*"
#: What stands before the hash of a question that is not asked outright: what the latest turns ask, and what one asks.
LATER, ALONE = "+", "*"
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
        turned = self._hashed(self._turned(said))
        return turned.select(
            *(name for name in said.columns if name not in {"spoken", "settled", "shows", "tools"}),
            copy_hash=where(
                turned.reason.isnull(),
                ibis.coalesce(row_hash(with_tools(self.rendered(turned.settled), turned.tools)), turned.row_hash),
            ),
            asked=self._asked(turned),
            shown=where(turned.shows, self._shown(turned)),
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
        turned = self._hashed(self._turned(table.select(*pairs.columns, spoken=said)))
        return turned.select(*pairs.columns, asked=self._asked(turned))

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
        turned = self._hashed(self._turned(table.select(*pairs.columns, spoken=said)))
        asks = where(has_messages(turned.messages), self._turn_texts(turned))
        return turned.select(*pairs.columns, asks=asks)

    def _turn_texts(self, turned: ir.Table) -> ir.ArrayValue:
        def text(turn: ir.StringValue) -> ir.StringValue:
            return self._without_rows(turn).re_replace(NO_CONTENT, "")

        def at(turn: ir.StringValue, turns_before: ir.IntegerValue) -> ir.ArrayValue:
            own, nothing = self._own(turn), self.words.between(turned.turns, ibis.literal(0), ibis.literal(0))
            asked = self._hash(self._without_rows(own))
            before = text(self._whole(self.words.between(turned.turns, ibis.literal(0), turns_before)))
            outright = (
                ibis.literal(OUTRIGHT) + self._since(turned, ibis.literal(0), turns_before, asked) + before + text(own)
            )
            alone = ibis.array([ibis.literal(ALONE) + asked + text(own)])
            looked_at = (before.length() + own.length() <= LONGEST) | (turns_before == turned.turns.length() - 1)
            texts = ibis.cases((looked_at, ibis.array([outright])), else_=nothing)
            asks = ibis.cases((turns_before == 0, texts), else_=texts.concat(alone))
            return ibis.cases((own.re_search(VISIBLE), asks), else_=nothing)

        def only(own: ir.StringValue) -> ir.ArrayValue:
            asked = self._without_rows(own)
            return ibis.array([ibis.literal(ONLY) + self._hash(asked) + asked.re_replace(NO_CONTENT, "")])

        first = self.words.text_at(turned.turns, ibis.literal(0))
        return ibis.cases(
            (turned.turns.isnull(), only(self.words.text_at(turned.spoken, ibis.literal(0)))),
            ((turned.turns.length() == 1) & first.contains(ANSWER), only(self._own(first))),
            else_=turned.turns.map(at).flatten(),
        )

    def examples(self, pairs: ir.Table) -> ir.Table:
        """`pair_id` of a table with `messages`, and as `example` the hash of the whole example, of a message and its
        answer alone.
        """
        table = self._lettered(pairs)
        said = spoken(table, NormalForm(self.words, table), ibis.literal(True))
        return table.select("pair_id", example=self._hash(self._whole(said)))

    def shown(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and in their place as `shown` the hash of the whole example, then of those it shows,
        between blanks; null where there are no messages.
        """
        table = self._lettered(pairs)
        others = [name for name in pairs.columns if name != "messages"]
        said = spoken(table, NormalForm(self.words, table), ibis.literal(True))
        spoke = table.select(*others, spoken=where(has_messages(table.messages), said))
        turned = self._hashed(self._turned(spoke))
        return turned.select(*others, shown=self._shown(turned))

    def _lettered(self, pairs: ir.Table) -> ir.Table:
        return lettered(self.words, pairs).cross_join(self.forms)

    def _turned(self, said: ir.Table) -> ir.Table:
        """`turns` beside what was `spoken`: the text of each, its answer last; null where a message and its answer are
        all there is.
        """
        # As a view, so that Ibis does not write what was spoken at every use.
        said = said.view()
        turns = self.words.found(self._whole(said.spoken), TURN)
        return said.mutate(turns=where(~_is_plain(said.spoken), turns)).view()

    def _hashed(self, turned: ir.Table) -> ir.Table:
        """Beside `turns` their hashes in one text, as `line`; and for each of them those of what it asks and of what
        it shows, as `questions` and `examples`: as it stands, and as if one of the user's messages in it were the only
        one.
        """

        def asks(turn: ir.StringValue) -> ir.ArrayValue:
            own = self._own(turn)
            spelled = self._spellings(own).map(self._hash)
            return self.words.between(
                spelled, ibis.literal(0), ibis.cases((own.re_search(VISIBLE), spelled.length()), else_=0)
            )

        def shows(turn: ir.StringValue) -> ir.ArrayValue:
            answer = self.words.without(turn, ASKING)
            return self._spellings(self._own(turn)).map(lambda own: self._hash(own + answer))

        hashes = turned.turns.map(lambda turn: self._hash(self._without_rows(turn)))
        return turned.mutate(
            line=self._whole(hashes), questions=turned.turns.map(asks), examples=turned.turns.map(shows)
        ).view()

    def _hash(self, text: ir.StringValue) -> ir.StringValue:
        return self.words.left(self.words.sha256(text), HASH_DIGITS)

    def _whole(self, parts: ir.ArrayValue) -> ir.StringValue:
        return self.words.joined(parts, "")

    def _without_rows(self, text: ir.StringValue) -> ir.StringValue:
        return self.words.without(text, IN_A_ROW)

    def _own(self, turn: ir.StringValue) -> ir.StringValue:
        """What a turn says before its answer."""
        return self.words.text_at(self.words.around(turn, ANSWER), ibis.literal(0))

    def _spellings(self, own: ir.StringValue) -> ir.ArrayValue:
        """What a turn says, and, where it has several messages, what it would say with one of the user's alone."""
        alone = self.words.found(own.replace(ROW, USER), OF_USER)
        none = self.words.between(alone, ibis.literal(0), ibis.literal(0))
        return ibis.array([self._without_rows(own)]).concat(ibis.cases((own.re_search(ONE_MESSAGE), none), else_=alone))

    def _since(
        self, turned: ir.Table, start: ir.IntegerValue, nth: ir.IntegerValue, of_turn: ir.StringValue
    ) -> ir.StringValue:
        """The hash of what is said from the turn `start` to the `nth` one, of which the hash is `of_turn`."""
        before = self.words.cut(turned.line, start * HASH_DIGITS, (nth - start) * HASH_DIGITS)
        return ibis.cases((start == nth, of_turn), else_=self._hash(before + of_turn))

    def _from_each(
        self,
        turned: ir.Table,
        nth: ir.IntegerValue,
        of_turn: ir.StringValue,
        mark: Callable[[ir.IntegerValue], ir.StringValue],
    ) -> ir.ArrayValue:
        """The marked hashes of what is said up to the `nth` turn, of which the hash is `of_turn`: from the first turn
        and from each of the latest ones on.
        """

        def since(start: ir.IntegerValue) -> ir.StringValue:
            return mark(start) + self._since(turned, start, nth, of_turn)

        # Places in a slice, for Spark takes one more look at what makes numbers.
        least = ibis.greatest(nth - (LATEST - 1), 0)
        latest = self.words.between(turned.turns, least, nth + 1).map(lambda _, window: since(least + window))
        return ibis.cases((nth < LATEST, latest), else_=latest.concat(ibis.array([since(nth - nth)])))

    def _asked(self, turned: ir.Table) -> ir.StringValue:
        def at(spelled: ir.ArrayValue, ordinal: ir.IntegerValue) -> ir.ArrayValue:
            def asked(of_turn: ir.StringValue, spelling: ir.IntegerValue) -> ir.ArrayValue:
                def mark(start: ir.IntegerValue) -> ir.StringValue:
                    return ibis.cases((spelling > 0, LATER), (start == 0, ""), (start == ordinal, ALONE), else_=LATER)

                return self._from_each(turned, ordinal, of_turn, mark)

            # Ibis takes indices of one name for the same one, also those in the tables that a function reads: these
            # have their own.
            return spelled.map(asked).flatten()

        alone = self.words.text_at(turned.spoken, ibis.literal(0))
        several = self.words.joined(turned.questions.map(at).flatten().unique().sort(), " ").nullif("")
        return ibis.cases(
            (turned.turns.notnull(), several),
            (turned.spoken.notnull(), where(alone.re_search(VISIBLE), self._hash(alone))),
            else_=ibis.null("string"),
        )

    def _shown(self, turned: ir.Table) -> ir.StringValue:
        def at(spelled: ir.ArrayValue, ordinal: ir.IntegerValue) -> ir.ArrayValue:
            return spelled.map(
                lambda of_turn: self._from_each(turned, ordinal, of_turn, lambda _: ibis.literal(""))
            ).flatten()

        whole = ibis.cases((turned.turns.length() == 1, turned.line), else_=self._hash(turned.line))
        several = self.words.joined(ibis.array([whole]).concat(turned.examples.map(at).flatten()), " ")
        return ibis.cases(
            (turned.turns.notnull(), several),
            (turned.spoken.notnull(), self._hash(self._whole(turned.spoken))),
            else_=ibis.null("string"),
        )


def is_outright(asked: ir.StringValue) -> ir.BooleanValue:
    """Whether one of the hashes in `asked` is that of a question with everything said before it."""
    return ~asked.startswith(LATER) & ~asked.startswith(ALONE)


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


def _is_answer(text: ir.StringValue) -> ir.BooleanValue:
    return text.startswith(ANSWER)


def _is_plain(parts: ir.ArrayValue) -> ir.BooleanValue:
    """Whether it is one message and its answer."""
    return ibis.cases((parts.length() == PLAIN, ~_is_answer(parts[0]) & _is_answer(parts[1])), else_=False)
