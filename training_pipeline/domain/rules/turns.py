"""The turns of a conversation, and the hashes of what they ask and show: from the beginning, and from later turns on.

A turn is all that is said up to an answer, and the answer; what nobody answers is one as well. Conversations come as
`spoken.py` writes them: letters of roles, and contents in the loose form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.spoken import ANSWER, PLAIN, ROW, TOOL, UNKNOWN, USER
from training_pipeline.domain.rules.text.dialects import EngineWords, where

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


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of tables with what was `spoken`, in the words of one engine."""

    words: EngineWords

    def turned(self, said: ir.Table) -> ir.Table:
        """`turns` beside what was `spoken`: the text of each, its answer last; null where a message and its answer are
        all there is.
        """
        # As a view, so that Ibis does not write what was spoken at every use.
        said = said.view()
        turns = self.words.found(self.whole(said.spoken), TURN)
        return said.mutate(turns=where(~_is_plain(said.spoken), turns)).view()

    def hashed(self, turned: ir.Table) -> ir.Table:
        """Beside `turns` their hashes in one text, as `line`; and for each of them those of what it asks and of what
        it shows, as `questions` and `examples`: as it stands, and as if one of the user's messages in it were the only
        one.
        """

        def asks(turn: ir.StringValue) -> ir.ArrayValue:
            own = self.own(turn)
            spelled = self._spellings(own).map(self.hash_of)
            return self.words.between(
                spelled, ibis.literal(0), ibis.cases((own.re_search(VISIBLE), spelled.length()), else_=0)
            )

        def shows(turn: ir.StringValue) -> ir.ArrayValue:
            answer = self.words.without(turn, ASKING)
            return self._spellings(self.own(turn)).map(lambda own: self.hash_of(own + answer))

        hashes = turned.turns.map(lambda turn: self.hash_of(self.without_rows(turn)))
        return turned.mutate(
            line=self.whole(hashes), questions=turned.turns.map(asks), examples=turned.turns.map(shows)
        ).view()

    def hash_of(self, text: ir.StringValue) -> ir.StringValue:
        """The hash of a text."""
        return self.words.left(self.words.sha256(text), HASH_DIGITS)

    def whole(self, parts: ir.ArrayValue) -> ir.StringValue:
        """The text that the parts make."""
        return self.words.joined(parts, "")

    def without_rows(self, text: ir.StringValue) -> ir.StringValue:
        """A text without the rows of messages that stand in it as one."""
        return self.words.without(text, IN_A_ROW)

    def own(self, turn: ir.StringValue) -> ir.StringValue:
        """What a turn says before its answer."""
        return self.words.text_at(self.words.around(turn, ANSWER), ibis.literal(0))

    def _spellings(self, own: ir.StringValue) -> ir.ArrayValue:
        """What a turn says, and, where it has several messages, what it would say with one of the user's alone."""
        alone = self.words.found(own.replace(ROW, USER), OF_USER)
        none = self.words.between(alone, ibis.literal(0), ibis.literal(0))
        return ibis.array([self.without_rows(own)]).concat(ibis.cases((own.re_search(ONE_MESSAGE), none), else_=alone))

    def since(
        self, turned: ir.Table, start: ir.IntegerValue, nth: ir.IntegerValue, of_turn: ir.StringValue
    ) -> ir.StringValue:
        """The hash of what is said from the turn `start` to the `nth` one, of which the hash is `of_turn`."""
        before = self.words.cut(turned.line, start * HASH_DIGITS, (nth - start) * HASH_DIGITS)
        return ibis.cases((start == nth, of_turn), else_=self.hash_of(before + of_turn))

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
            return mark(start) + self.since(turned, start, nth, of_turn)

        # Places in a slice, for Spark takes one more look at what makes numbers.
        least = ibis.greatest(nth - (LATEST - 1), 0)
        latest = self.words.between(turned.turns, least, nth + 1).map(lambda _, window: since(least + window))
        return ibis.cases((nth < LATEST, latest), else_=latest.concat(ibis.array([since(nth - nth)])))

    def asked(self, turned: ir.Table) -> ir.StringValue:
        """The hashes of what a `hashed` conversation asks, the marked ones first, between blanks; null where none."""

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
            (turned.spoken.notnull(), where(alone.re_search(VISIBLE), self.hash_of(alone))),
            else_=ibis.null("string"),
        )

    def shown(self, turned: ir.Table) -> ir.StringValue:
        """The hash of a whole `hashed` conversation, then those of the examples that it shows, between blanks."""

        def at(spelled: ir.ArrayValue, ordinal: ir.IntegerValue) -> ir.ArrayValue:
            return spelled.map(
                lambda of_turn: self._from_each(turned, ordinal, of_turn, lambda _: ibis.literal(""))
            ).flatten()

        whole = ibis.cases((turned.turns.length() == 1, turned.line), else_=self.hash_of(turned.line))
        several = self.words.joined(ibis.array([whole]).concat(turned.examples.map(at).flatten()), " ")
        return ibis.cases(
            (turned.turns.notnull(), several),
            (turned.spoken.notnull(), self.hash_of(self.whole(turned.spoken))),
            else_=ibis.null("string"),
        )


def is_outright(asked: ir.StringValue) -> ir.BooleanValue:
    """Whether one of the hashes in `asked` is that of a question with everything said before it."""
    return ~asked.startswith(LATER) & ~asked.startswith(ALONE)


def _is_answer(text: ir.StringValue) -> ir.BooleanValue:
    return text.startswith(ANSWER)


def _is_plain(parts: ir.ArrayValue) -> ir.BooleanValue:
    """Whether it is one message and its answer."""
    return ibis.cases((parts.length() == PLAIN, ~_is_answer(parts[0]) & _is_answer(parts[1])), else_=False)
