"""Write `training_pipeline/domain/rules/text/normal_form.json`, the table behind the normal form of texts.

    python scripts/write_normal_form.py           # needs a Python whose `unicodedata` is of the version named below

The rules read the table and never ask the Python, DuckDB or Spark that runs them: those are of different versions of
Unicode, and a question must be the same question on each of them. Whoever moves to another version of Unicode changes
verdicts, so that `GATE_POLICY_VERSION` has to rise.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

UNICODE = "14.0.0"
TARGET = Path(__file__).parents[1] / "training_pipeline/domain/rules/text/normal_form.json"

#: Code points with the property Default_Ignorable_Code_Point (DerivedCoreProperties.txt), which Python cannot be asked.
IGNORABLE = (
    "AD 34F 61C 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E 2060-206F 3164 FE00-FE0F FEFF FFA0 FFF0-FFF8 "
    "1BCA0-1BCA3 1D173-1D17A E0000-E0FFF"
)
#: Code points with the property White_Space, and the blank among the Braille patterns.
WHITE_SPACE = "9-D 20 85 A0 1680 2000-200A 2028-2029 202F 205F 3000 2800"
#: Marks around an annotated text and the place of an object, joiners of hieroglyphs, and a note without a head:
#: invisible, though no default ignorables.
ANNOTATIONS = "FFF9-FFFC 13430-1343F 1D159"
#: Control characters are invisible as well.
CONTROLS = "0-1F 7F-9F"
#: ASCII symbols that people take for punctuation; Unicode does not.
SYMBOLS = "$+<=>^`|~"
#: The one mark that folds to a letter, which takes no part in the order of marks: it is folded after ordering.
IOTA = "\u0345"
HANGUL = range(0xAC00, 0xD7A4)
CODES = [code for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


def spread(ranges: str) -> set[int]:
    """The code points of ranges in hexadecimal digits."""
    bounds = (part.partition("-") for part in ranges.split())
    return {code for first, _, last in bounds for code in range(int(first, 16), int(last or first, 16) + 1)}


def ranges(codes: Iterable[int]) -> str:
    """The opposite of `spread`."""
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and code == found[-1][1] + 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return " ".join(f"{first:X}" if first == last else f"{first:X}-{last:X}" for first, last in found)


DROPPED = spread(f"{IGNORABLE} {WHITE_SPACE} {ANNOTATIONS} {CONTROLS}")


def folded(text: str) -> str:
    """`text` decomposed and in folded case, until neither changes it, without the characters that are dropped."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if ord(one) not in DROPPED)
    again = "".join(one if one == IOTA else one.casefold() for one in plain)
    return plain if again == plain else folded(again)


def spelled(text: str) -> str:
    return " ".join(f"{ord(one):X}" for one in text)


def main() -> None:
    if unicodedata.unidata_version != UNICODE:
        sys.exit(f"This Python knows Unicode {unicodedata.unidata_version}; the table is of {UNICODE} (Python 3.11).")
    images = {code: folded(chr(code)) for code in CODES if code not in DROPPED and code not in HANGUL}
    classes: dict[int, list[int]] = defaultdict(list)
    for code in CODES:
        if unicodedata.combining(chr(code)):
            classes[unicodedata.combining(chr(code))].append(code)
    decomposed = {code: unicodedata.normalize("NFD", chr(code)) for code in CODES if code not in HANGUL}
    table = {
        "unicode": UNICODE,
        # What stands for nothing. A character all of whose image is dropped is dropped itself.
        "dropped": ranges(DROPPED | {code for code, image in images.items() if not image}),
        "punctuation": ranges(
            {code for code in CODES if unicodedata.category(chr(code)).startswith("P")} | set(map(ord, SYMBOLS))
        ),
        # By canonical combining class.
        "marks": {f"{rank}": ranges(codes) for rank, codes in sorted(classes.items())},
        "folded": {f"{code:X}": spelled(image) for code, image in images.items() if image not in ("", chr(code))},
        "decomposed": {f"{code:X}": spelled(image) for code, image in decomposed.items() if image != chr(code)},
    }
    TARGET.write_text(json.dumps(table, indent=0) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
