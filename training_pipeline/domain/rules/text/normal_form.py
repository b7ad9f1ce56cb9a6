"""One form for texts that say the same, on every engine: in it is compared what is held out, prohibited or tied.

Compatibility decomposition (NFKD) and full case folding until neither changes anything, without invisible characters
and white space, marks in canonical order, without the punctuation at either end; a text of punctuation alone keeps it.
The strict form, which decides what is a copy, is canonical decomposition (NFD) and no white space at either end: it
makes the same texts equal as NFC. In both, the accented letters of Latin-1 are composed again: nearly all texts in
Western languages then stand as they are, and need no look at the table.

Everything comes from a table (`character_table.py`), of one version of Unicode: engines have no NFKC, no case folding,
and other versions of Unicode than the next engine. `plain_form.py` says the same in Python, for one text at a time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, reduce
from itertools import pairwise
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.character_table import (
    IOTA,
    IOTA_MARK,
    LATIN,
    codes,
    composed_letters,
    decomposed_images,
    folded_images,
    mark_ranks,
    punctuation,
)
from training_pipeline.domain.rules.text.dialects import EngineWords, let
from training_pipeline.domain.rules.text.white_space import WHITE_SPACE

#: One character that may need the table.
_OTHER: Final = r"[^\x{0}-\x{7F}]"
#: What is dropped of ASCII: white space that nearly every text has, and what is rare, spelled as a pattern.
_COMMON: Final = " \n"
_RARE: Final = r"\x{0}-\x{9}\x{B}-\x{1F}\x{7F}"
_WHITE: Final = " ".join(f"{ord(blank):X}" for blank in WHITE_SPACE)

#: Code points a page; and what stands in a page for a character that stays as it is: no image has a capital letter.
_PAGE_BITS: Final = 7
_PAGE: Final = 1 << _PAGE_BITS
_SAME: Final = "A"
_ASCII: Final = 0x80
#: Every engine knows the other case of the letters of Latin-1, but for this one, which has two in upper case.
_SHARP_S: Final = "\u00df"
#: Where there are no letters with two cases, or the table has them: symbols, ideographs, emoji.
_CASELESS: Final = "A1-BF 2010-2BFF 3001-9FFF 1F300-1FAFF"


def _pattern(ranges: str) -> str:
    """Ranges as a regular expression spells a class, the same in RE2 and in Java."""
    return "".join(
        f"\\x{{{first}}}" + (f"-\\x{{{last}}}" if last else "")
        for first, _, last in (part.partition("-") for part in ranges.split())
    )


def _spelled(codes: Iterable[int], gap: int = 1) -> str:
    """Code points as a class, and what lies between two of them that are no more than `gap` apart."""
    return _spelled_ranges(([code, code] for code in sorted(codes)), gap)


def _spelled_ranges(ranges: Iterable[list[int]], gap: int) -> str:
    """The same of ranges that are in order and do not overlap."""
    found: list[list[int]] = []
    for first, last in ranges:
        if found and first - found[-1][1] <= gap:
            found[-1][1] = last
        else:
            found.append([first, last])
    return _pattern(" ".join(f"{first:X}-{last:X}" for first, last in found))


@cache
def _runs_of_marks() -> str:
    return f"[{_spelled(mark_ranks())}]{{2,}}"


@cache
def _needs_folding() -> str:
    """A class with all that more than lower case may be needed for; so no engine's own idea of that counts. Rare white
    space is in it, so that a text is looked through once for both.
    """
    changed = folded_images().keys() | mark_ranks().keys()
    plain = {code for code in codes(_CASELESS) if code not in changed} | set(LATIN) | set(range(_ASCII))
    # All others, as what lies between two plain ones: a million code points need not be gone through one by one.
    edges = [-1, *sorted(plain), sys.maxunicode + 1]
    between = ([before + 1, after - 1] for before, after in pairwise(edges) if after - before > 1)
    return f"[{_RARE}{_spelled_ranges(between, gap=3)}]"


@cache
def _needs_spelling() -> str:
    """A class with all that the strict form may change."""
    changed = {code for code in (*decomposed_images(), *mark_ranks()) if code >= _ASCII}
    return f"[{_spelled(changed - set(LATIN), gap=16)}]"


@cache
def _paged(lookup: str) -> tuple[str, str]:
    """Where the page of each 128 code points begins, and what stands on the pages, both between blanks."""
    values = _LOOKUPS[lookup]()
    empty = (_SAME,) * _PAGE
    pages: dict[tuple[str, ...], int] = {empty: 0}
    filled = {code // _PAGE for code in values}  # nine of ten are empty
    numbers = [
        pages.setdefault(tuple(values.get(code, _SAME) for code in range(start, start + _PAGE)), len(pages))
        if start // _PAGE in filled
        else pages[empty]
        for start in range(0, sys.maxunicode, _PAGE)
    ]
    return " ".join(str(number * _PAGE) for number in numbers), " ".join(value for page in pages for value in page)


_LOOKUPS: Final = {"folded": folded_images, "decomposed": decomposed_images, "rank": mark_ranks}


def normal_form_table(beside: ir.Table) -> ir.Table:
    """The table as a table of one row, in the engine of `beside`.

    An engine holds it once; written into an expression, DuckDB would make it anew for every few thousand characters.
    The texts are columns before they are split: as literals, DuckDB would split them while it plans, at six times the
    cost, which is more than to judge a few pairs.
    """
    joined: dict[str, ir.Value] = {}
    for name in _LOOKUPS:
        numbers, texts = _paged(name)
        joined |= {f"{name}_pages": ibis.literal(numbers), f"{name}_texts": ibis.literal(texts)}
    # A view, so that Ibis does not put the literals back.
    row = beside.limit(0).agg(rows=lambda table: table.count()).select(**joined).view()
    columns: dict[str, ir.Value] = {}
    for name in _LOOKUPS:
        columns[f"{name}_pages"] = row[f"{name}_pages"].split(" ").cast("array<int32>")
        columns[f"{name}_texts"] = row[f"{name}_texts"].split(" ")
    return row.select(**columns)


@dataclass(frozen=True, slots=True)
class NormalForm:
    """The forms in the words of an engine. `row` has the columns of `normal_form_table` beside the texts."""

    words: EngineWords
    row: ir.Table

    def loose(self, text: ir.StringValue) -> ir.StringValue:
        """`text` as questions and examples are compared; null stays null."""
        return self.loose_each(ibis.array([self.squeezed(text)]), lambda loose, _: loose)[0]

    def loose_each(
        self, texts: ir.ArrayValue, made: Callable[[ir.StringValue, ir.IntegerValue], ir.StringValue]
    ) -> ir.ArrayValue:
        """What is made of each `squeezed` text in its loose form, and of its place; the form is written only once."""
        return texts.map(self._folded).map(lambda text, number: made(self._bare(text), number))

    def strict(self, text: ir.StringValue) -> ir.StringValue:
        """`text` as copies are compared; null stays null."""
        spelled = ibis.cases(
            (text.re_search(_needs_spelling()), self._composed(self._ordered(self._mapped(text, "decomposed")))),
            else_=text,
        )
        return self._without_ends(spelled, f"[{_pattern(_WHITE)}]+")

    def is_strict(self, text: ir.StringValue) -> ir.BooleanValue:
        """Whether `text` is surely its own strict form; null where it is null."""
        return ~text.re_search(f"{_needs_spelling()}|^[{_pattern(_WHITE)}]|[{_pattern(_WHITE)}]\\z")

    def _folded(self, text: ir.StringValue) -> ir.StringValue:
        """`text`, without common white space, in the one spelling and case, and without any other."""

        def by_table(text: ir.StringValue) -> ir.StringValue:
            # The mark becomes a letter once it has its place among the marks.
            return self._composed(self._ordered(self._mapped(text, "folded")).replace(IOTA_MARK, IOTA))

        return ibis.cases(
            (text.re_search(_needs_folding()), let(self.words.without(text, f"[{_RARE}]+"), by_table)),
            (text.contains(_SHARP_S), text.lower().replace(_SHARP_S, "ss")),
            else_=text.lower(),
        )

    def _composed(self, text: ir.StringValue) -> ir.StringValue:
        """With the letters of Latin-1 as one character each."""
        marks = "".join(sorted({pair[1] for pair in composed_letters()}))

        def whole(text: ir.StringValue) -> ir.StringValue:
            composed = reduce(lambda done, pair: done.replace(*pair), composed_letters().items(), text)
            return ibis.cases((text.re_search(f"[{_spelled(map(ord, marks))}]"), composed), else_=text)

        return let(text, whole)

    def _value(self, character: ir.StringValue, lookup: str) -> ir.StringValue:
        """What the table says of a character; `_SAME` where it says nothing."""
        pages, texts = self.row[f"{lookup}_pages"], self.row[f"{lookup}_texts"]
        code = self.words.code(character)
        return self.words.text_at(texts, self.words.number_at(pages, code >> _PAGE_BITS) + (code & (_PAGE - 1)))

    def _mapped(self, text: ir.StringValue, lookup: str) -> ir.StringValue:
        """Every character that is not ASCII by what stands for it; ASCII in lower case where the table folds."""

        def image(character: ir.StringValue) -> ir.StringValue:
            return self._value(character, lookup).nullif(_SAME).fill_null(character)

        lower = lookup == "folded"
        return self._rewritten(text, _OTHER, image, lambda between: between.lower() if lower else between)

    def _rewritten(
        self,
        text: ir.StringValue,
        pattern: str,
        image: Callable[[ir.StringValue], ir.StringValue],
        rest: Callable[[ir.StringValue], ir.StringValue],
    ) -> ir.StringValue:
        """`text` with an image of all that the pattern finds, and what `rest` makes of all between."""
        images = self.words.found(text, pattern).map(image).concat(ibis.array([""]))

        def whole(images: ir.ArrayValue) -> ir.StringValue:
            parts = self.words.around(text, pattern)
            return self.words.joined(parts.map(lambda part, place: rest(part) + self.words.text_at(images, place)), "")

        return let(images, whole)

    def squeezed(self, text: ir.StringValue) -> ir.StringValue:
        """`text` without the white space that is common. Splitting takes a fraction of the time of a pattern."""
        for character in _COMMON:
            text = self.words.joined(text.split(character), "")
        return text

    def _ordered(self, text: ir.StringValue) -> ir.StringValue:
        """Marks that stand side by side in the order of their canonical combining class."""
        run = _runs_of_marks()

        def sorted_run(marks: ir.StringValue) -> ir.StringValue:
            # The place keeps marks of the same class in their order. No mark is a digit.
            keyed = self.words.found(marks, ".").map(
                lambda mark, order: self._value(mark, "rank") + (order + 1_000_000).cast("string") + mark
            )
            return self.words.without(self.words.joined(keyed.sort(), ""), "[0-9]+")

        return let(
            text,
            lambda whole: ibis.cases(
                (whole.re_search(run), self._rewritten(whole, run, sorted_run, lambda between: between)), else_=whole
            ),
        )

    def _bare(self, text: ir.StringValue) -> ir.StringValue:
        """Without the punctuation at either end; as it is where nothing else would be left."""
        marks = _spelled(punctuation())
        return ibis.cases((text.re_search(f"[^{marks}]"), self._without_ends(text, f"[{marks}]+")), else_=text)

    def _without_ends(self, text: ir.StringValue, pattern: str) -> ir.StringValue:
        """Two patterns: one that is bound to an end as a whole is not looked for in all of the text."""
        return self.words.without(self.words.without(text, f"^{pattern}"), f"{pattern}\\z")
