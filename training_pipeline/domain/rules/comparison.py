"""What pairs are compared by: the questions a conversation asks, the examples it shows, and what it is a copy of.

System messages stand aside. A conversation asks a question before each assistant's turn (and at its end, where no
assistant answers): everything said so far. It asks the same question as another where that was the whole of the other;
so it is also looked at from each of its latest turns on, and such a question is marked by `+`, or by `*` where it is
that of one turn alone. It shows an example with each assistant's turn, found in the same way. A message counts by its
role, content and tool calls in their loose form (`normal_form.py`); the ids of tool calls do not. Where a turn asks
nothing visible, there is no question.
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
from training_pipeline.domain.rules.text.characters import word_of
from training_pipeline.domain.rules.text.dialects import EngineWords, let
from training_pipeline.domain.rules.text.normal_form import NormalForm

#: Hexadecimal digits of a hash: 128 bits, enough that no two questions of a sheet collide.
HASH_DIGITS: Final = 32
#: A conversation is looked at from its beginning and from this many of the turns before each question.
LATEST: Final = 8
#: Roles as capital letters, which no text in its loose form has: nothing can pose as the border of two messages.
USER, ANSWER, TOOL, SYSTEM, UNKNOWN, CALLS = "UATSXC"
VISIBLE: Final = "[^A-Z]"
#: What stands before the hash of a question that is not asked outright: what the latest turns ask, and what one asks.
LATER, ALONE = "+", "*"
#: What stands before the text of a question that is asked outright: in a pair of one turn, or of several.
ONLY, OUTRIGHT = "1", "="
#: Characters of what a conversation asks, up to a turn before its last one, that are compared with nearly equal ones.
LONGEST: Final = 4_000
#: What of the text of a question is no content: roles, and tool calls.
NO_CONTENT: Final = f"{CALLS}[^A-Z]*|[A-Z]"
_ID: Final = r'"id":"(?:[^"\\]|\\.)*"'
CALL_ID: Final = f"{_ID},|,?{_ID}"


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
        hash of the whole example, then of those it shows; null where no rule compares it, and where one turn alone is
        enough to ask first whether a prohibited pair asks the same: see `examples`.
        """
        table = judged.cross_join(self.forms)
        form = NormalForm(self.words, table)
        several = table.messages.filter(lambda message: message["role"] == "assistant").length() > 1
        shows = table.prohibited | (table.reason.isnull() & several)
        hashed = table.select(
            *(name for name in judged.columns if name != "messages"),
            row_hash=row_hash(
                ibis.cases(
                    (table.reason.isnull() | table.prohibited, with_tools(self.rendered(table.messages), table.tools))
                )
            ),
            settled=ibis.cases((table.reason.isnull(), _settled(table.messages, form))),
            spoken=ibis.cases((has_messages(table.messages), self._spoken(table.messages, form, shows))),
            shows=shows.fill_null(False),
        )
        # As a view, so that Ibis does not write what was spoken and settled at every use.
        said = hashed.view()
        return said.select(
            *(name for name in hashed.columns if name not in {"spoken", "settled", "shows", "tools"}),
            copy_hash=ibis.cases(
                (
                    said.reason.isnull(),
                    ibis.coalesce(row_hash(with_tools(self.rendered(said.settled), said.tools)), said.row_hash),
                )
            ),
            asked=ibis.cases((said.spoken.notnull(), self._asked(said.spoken))),
            shown=ibis.cases((said.shows, self._shown(said.spoken))),
        )

    def copies(self, pairs: ir.Table) -> ir.Table:
        """`pair_id` of a table with `messages` and `tools`, and the `copy_hash` that `of` gives it."""
        table = pairs.cross_join(self.forms)
        settled = ibis.coalesce(_settled(table.messages, NormalForm(self.words, table)), table.messages)
        return table.select("pair_id", copy_hash=row_hash(with_tools(self.rendered(settled), table.tools)))

    def questions(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and `asked`."""
        table = pairs.cross_join(self.forms)
        spoken = let(self._spoken(table.messages, NormalForm(self.words, table), ibis.literal(False)), self._asked)
        return table.select(*pairs.columns, asked=ibis.cases((has_messages(table.messages), spoken)))

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
        table = pairs.cross_join(self.forms)
        spoken = self._spoken(table.messages, NormalForm(self.words, table), ibis.literal(False))
        asks = let(spoken, lambda parts: let(_answers(parts), lambda at: self._turn_texts(parts, at)))
        return table.select(*pairs.columns, asks=ibis.cases((has_messages(table.messages), asks)))

    def _turn_texts(self, parts: ir.ArrayValue, answers: ir.ArrayValue) -> ir.ArrayValue:
        def marked(mark: str, start: ir.IntegerValue, end: ir.IntegerValue) -> ir.StringValue:
            asked = self._whole(self.words.between(parts, start, end))
            return let(asked, lambda text: ibis.literal(mark) + self._hash(text) + text.re_replace(NO_CONTENT, ""))

        def at(end: ir.IntegerValue) -> ir.ArrayValue:
            start, last = ibis.literal(0, type="int64"), answers.filter(lambda answer: answer < end)
            own = last.map(lambda answer: answer + 1).maxs().fill_null(0)
            visible = self._whole(self.words.between(parts, own, end)).re_search(VISIBLE)
            outright = let(
                marked(OUTRIGHT, start, end),
                lambda text: ibis.cases(
                    ((text.length() <= LONGEST) | (end == ends.maxs()), ibis.array([text])),
                    else_=ibis.literal([], type="array<string>"),
                ),
            )
            texts = ibis.cases((own == 0, outright), else_=outright.concat(ibis.array([marked(ALONE, own, end)])))
            return ibis.cases((visible, texts), else_=ibis.literal([], type="array<string>"))

        ends = answers.concat(_unanswered(parts))
        one = marked(ONLY, ibis.literal(0, type="int64"), parts.length() - 1)
        return ibis.cases((_has_one_turn(parts), ibis.array([one])), else_=ends.map(at).flatten())

    def examples(self, pairs: ir.Table) -> ir.Table:
        """`pair_id` of a table with `messages`, and as `example` the hash of the whole example."""
        table = pairs.cross_join(self.forms)
        spoken = self._spoken(table.messages, NormalForm(self.words, table), ibis.literal(True))
        return table.select("pair_id", example=self._hash(self._whole(spoken)))

    def shown(self, pairs: ir.Table) -> ir.Table:
        """A table with `messages`, and in their place as `shown` the hash of the whole example, then of those it shows,
        between blanks; null where there are no messages.
        """
        table = pairs.cross_join(self.forms)
        others = [name for name in pairs.columns if name != "messages"]
        spoken = self._spoken(table.messages, NormalForm(self.words, table), ibis.literal(True))
        # As a view, so that Ibis does not write what was spoken at every use.
        said = table.select(*others, spoken=ibis.cases((has_messages(table.messages), spoken))).view()
        return said.select(*others, shown=ibis.cases((said.spoken.notnull(), self._shown(said.spoken))))

    def _spoken(self, messages: ir.ArrayValue, form: NormalForm, shows: ir.BooleanValue) -> ir.ArrayValue:
        """A text for each message but those of the system; a last answer says nothing unless examples are compared."""
        last = messages.length() - 1

        def text(message: ir.StructValue, turn: ir.IntegerValue) -> ir.StringValue:
            role = message["role"]
            unseen = (role == "assistant") & (turn == last) & ~shows
            content = form.loose(message["content"].fill_null(""))
            calls = self.words.without(message["tool_calls"], CALL_ID)
            return (
                ibis.cases((role == "user", USER), (role == "assistant", ANSWER), else_=_other_role(role))
                + ibis.cases((role == "system", ""), (unseen, ""), else_=content)
                + ibis.cases((calls.notnull(), ibis.literal(CALLS) + form.loose(calls)), else_="")
            )

        texts = messages.map(text)
        return texts.filter(lambda spoken: ~spoken.startswith(SYSTEM))

    def _hash(self, text: ir.StringValue) -> ir.StringValue:
        return self.words.left(text.hexdigest("sha256"), HASH_DIGITS)

    def _whole(self, parts: ir.ArrayValue) -> ir.StringValue:
        return self.words.joined(parts, "")

    def _asked(self, parts: ir.ArrayValue) -> ir.StringValue:
        question = self._whole(self.words.between(parts, ibis.literal(0), parts.length() - 1))
        alone = let(question, lambda text: ibis.cases((text.re_search(VISIBLE), self._hash(text))))
        return ibis.cases((_has_one_turn(parts), alone), else_=let(_answers(parts), lambda at: self._each(parts, at)))

    def _each(self, parts: ir.ArrayValue, answers: ir.ArrayValue) -> ir.StringValue:
        """The questions of a conversation with several turns, or without an answer at its end."""

        def at(end: ir.IntegerValue) -> ir.ArrayValue:
            def windows(before: ir.ArrayValue) -> ir.ArrayValue:
                last = before.map(lambda answer: answer + 1).maxs().fill_null(0)
                own = self._whole(self.words.between(parts, last, end))
                first = ibis.array([self._hash(self._whole(self.words.between(parts, ibis.literal(0), end)))])
                later = _latest(before).map(
                    lambda answer: (
                        ibis.cases((answer + 1 == last, ALONE), else_=LATER)
                        + self._hash(self._whole(self.words.between(parts, answer + 1, end)))
                    )
                )
                nothing = ibis.literal([], type="array<string>")
                return ibis.cases((own.re_search(VISIBLE), first.concat(later)), else_=nothing)

            return let(answers.filter(lambda answer: answer < end), windows)

        return self.words.joined(answers.concat(_unanswered(parts)).map(at).flatten().unique().sort(), " ").nullif("")

    def _shown(self, parts: ir.ArrayValue) -> ir.StringValue:
        whole = self._hash(self._whole(parts))

        def several(answers: ir.ArrayValue) -> ir.StringValue:
            def at(end: ir.IntegerValue) -> ir.ArrayValue:
                starts = ibis.array([ibis.literal(-1, type="int64")]).concat(
                    _latest(answers.filter(lambda answer: answer < end))
                )
                return starts.map(
                    lambda answer: self._hash(self._whole(self.words.between(parts, answer + 1, end + 1)))
                )

            return self.words.joined(ibis.array([whole]).concat(answers.map(at).flatten()), " ")

        return ibis.cases((_has_one_turn(parts), whole), else_=let(_answers(parts), several))


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


def _other_role(role: ir.StringValue) -> ir.StringValue:
    """The letter of a role that is neither `user` nor `assistant` as it stands."""
    return let(
        word_of(role),
        lambda word: ibis.cases(
            (word == "user", USER),
            (word == "assistant", ANSWER),
            (word == "tool", TOOL),
            (word == "system", SYSTEM),
            else_=UNKNOWN,
        ),
    )


def _is_answer(text: ir.StringValue) -> ir.BooleanValue:
    return text.startswith(ANSWER)


def _has_one_turn(parts: ir.ArrayValue) -> ir.BooleanValue:
    answers = parts.filter(_is_answer)
    return (answers.length() == 1) & _is_answer(parts[parts.length() - 1])


def _answers(parts: ir.ArrayValue) -> ir.ArrayValue:
    """The places of the assistant's turns."""
    places = parts.map(lambda text, place: ibis.cases((_is_answer(text), place.cast("int64"))))
    return places.filter(lambda place: place.notnull())


def _unanswered(parts: ir.ArrayValue) -> ir.ArrayValue:
    """Where a question ends that no assistant answers; nothing where there is none."""
    return ibis.cases(
        (parts.length() == 0, ibis.literal([], type="array<int64>")),
        (_is_answer(parts[parts.length() - 1]), ibis.literal([], type="array<int64>")),
        else_=ibis.array([parts.length().cast("int64")]),
    )


def _latest(answers: ir.ArrayValue) -> ir.ArrayValue:
    """The last few of the places."""
    return answers.filter(lambda _, number: number >= answers.length() - LATEST)
