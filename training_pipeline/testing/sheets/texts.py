"""Texts for tests of the normal form: any characters, and more of those that forms treat in a way of their own."""

from __future__ import annotations

import sys
from typing import Any, Final

from hypothesis import strategies as st

#: Characters that forms treat in a way of their own, and some that they pass over.
NOTABLE: Final = "aAeEsSuU \n\t-?!=.«»“”" + (
    "\u00a0\u00a8\u00aa\u00ad\u00b5\u00df\u1e9e\u00c5\u00e5\u00fc\u00dc\u00ff\u0178\u00d8\u212b\u0130\u0131\u0149\u017f"
    "\u0300\u0301\u0302\u0303\u0307\u0308\u030a\u0323\u0327\u0334\u0345\u1dca\u20d0\u0344\u0340\u0f71\u0f73\u0f74\u0f75"
    "\u03a3\u03c2\u03c3\u1f80\u1fb3\u0390\u03b0\ufb00\ufb01\ufb05\ufdfa\ufdfb\uac00\uac01\ud7a3\u1100\u1161\u11a8\u3131"
    "\u304b\u304c\u3099\u309b\uff76\uff9e\u0439\u0419\u13a0\u13f8\uab70\u10a0\u1c90\U00010400\U0001d400\U0001f100"
    "\u200b\u200d\ufeff\ufe0f\u2060\u180e\u3000\u2028\u2026\u2160\u24b6\uff1f\uff0c\ufe56\uff21\u037e\u0387\u2126\u2800"
    "\U000e0001\U0001f600\u4e2d\uf900\U0002f800\U0001e900"
)
#: Short texts in which odd characters meet.
odd_texts = st.text(st.one_of(st.sampled_from(NOTABLE), st.characters(codec="utf-8")), max_size=12)


def every_code_point(*, sliced: bool = False) -> list[str]:
    """Texts with all code points, each between letters: some hundred a text, and once more the usual ones alone.

    Four of five code points are assigned to nothing, or to private use; the slice has one of 64 of those.
    """
    codes = [
        code
        for code in range(sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000 and (not sliced or code < 0x32000 or 0xE0000 <= code < 0xE0200 or code % 64 == 0)
    ]
    between = [f"x{chr(code)}y" for code in codes]
    usual = [text for code, text in zip(codes, between, strict=True) if code < 0x3400 or 0x1F000 <= code < 0x1FC00]
    return ["".join(between[start : start + 256]) for start in range(0, len(between), 256)] + usual


#: What is no JSON as a whole, where `%s` stands for JSON text of a list with something in it, by what is wrong.
NO_JSON: Final = {
    "a tail": "%s junk",
    "another list": "%s %s",
    "a comma behind": "%s,",
    "a bracket behind": "%s]",
    "a list that it closes": "%s] junk",
    "a list of two that it closes": "%s,0] junk",
    "a bracket and a list": "%s],[0",
    "a byte order mark": "\ufeff%s",
    "a comma at the end": '[{"role":"user","content":"Which queue?"},]',
    "NaN": '[{"role":"user","content":"Which queue?","mood":NaN}]',
    "Infinity": '[{"role":"user","content":"Which queue?","mood":[-Infinity]}]',
    "half a surrogate pair": r'[{"role":"user","content":"Which \ud83d queue?"}]',
    "the other half": r'[{"role":"user","content":"Which \\\ude00 queue?"}]',
    "a line break": '[{"role":"user","content":"Which\nqueue?"}]',
    "a thousand lists": '[{"role":"user","content":"Which queue?","mood":' + "[" * 998 + "]" * 998 + "}]",
    "nothing": "",
}
#: What is JSON, though it looks like some of these.
JSON: Final = {
    "blanks around": " \n\t%s\r ",
    "words in a text": r'[{"role":"user","content":"NaN,] inf,} ] [ \"] junk"},{"role":"assistant","content":"a"}]',
    "a list of texts": '[{"role":"user","content":"q","mood":["calm", "glad"]},{"role":"assistant","content":"a"}]',
    "a surrogate pair": r'[{"role":"user","content":"\ud83d\uDE00 \\ud83d"},{"role":"assistant","content":"a"}]',
    "nearly a thousand lists": (
        '[{"role":"user","content":"q","mood":' + "[" * 997 + "]" * 997 + '},{"role":"assistant","content":"a"}]'
    ),
}
#: Tool calls and definitions in which a key stands twice in an object.
TWICE: Final = (
    '[{"name":"look","name":"listen"}]',
    '[{"name":"look","parameters":{"deep":[{"at":1,"\\u0061t":2}]}}]',
    '[{"function":{"name":"look","arguments":{"at":"Graz","at":"Wien"}}}]',
)
#: The same in arguments that are text.
TWICE_IN_TEXT: Final = r'[{"function":{"name":"look","arguments":"{\"at\":\"Graz\",\"at\":\"Wien\"}"}}]'
#: What a message cannot call: neither a list, nor the JSON text of one.
NO_CALLS: Final[tuple[Any, ...]] = (
    "",
    " ",
    "no json",
    '[{"id":1}] junk',
    '[{"id":1},]',
    '{"id":1}',
    "7",
    {"id": 1},
    {},
    7,
)
#: Lists in which something is no call of a named function.
NO_FUNCTIONS: Final[tuple[Any, ...]] = (
    [{"name": "look", "arguments": {"at": "Graz"}}],
    ["look"],
    [{}],
    [7],
    [None],
    [["look"]],
    [{"function": "look"}],
    [{"function": None}],
    [{"function": {"arguments": {"at": "Graz"}}}],
    [{"function": {"name": ""}}],
    [{"function": {"name": " "}}],
    [{"function": {"name": {"of": "look"}}}],
    [{"function": {"name": 7}}],
    [{"function": {"name": "look"}}, {"id": "c2", "function": [{"name": "look"}]}],
)
