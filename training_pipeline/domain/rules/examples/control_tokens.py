"""Whether a text spells a control token of a known model family: as an Ibis expression, for our own DuckDB.

The trainer reads it as plain text whatever it spells. A pair that does is told of, for somebody may have meant it to be
obeyed.
"""

from __future__ import annotations

import re
from functools import reduce
from operator import or_
from typing import Final

import ibis
import ibis.expr.types as ir

from training_pipeline.domain.rules.text.dialects import let

#: Llama 2 and Mistral, Gemma, Nemotron. Those of ChatML (Qwen), Llama 3 and 4, Phi, gpt-oss and DeepSeek have a form of
#: their own.
_TOKENS: Final = (
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "<<SYS>>",
    "<</SYS>>",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<extra_id_0>",
    "<extra_id_1>",
)
#: The second is DeepSeek's, with a full-width bar.
_FORMS: Final = (r"<\|[A-Za-z0-9_]{1,40}\|>", "<\uff5c[^<>\uff5c]{1,40}\uff5c>")
_PATTERN: Final = "|".join([*_FORMS, *map(re.escape, _TOKENS)])
#: Every token begins with one of them, and few texts have either.
_FIRST: Final = "<["


def spells_control_token(messages: ir.ArrayValue) -> ir.BooleanValue:
    """Whether a content, a name or a tool call does. Null where there are no messages."""
    said = messages.map(
        lambda message: (
            message["content"].fill_null("")
            + "\n"
            + message["name"].fill_null("")
            + "\n"
            + message["tool_calls"].fill_null("")
        )
    )

    def spelled(text: ir.StringValue) -> ir.BooleanValue:
        maybe = reduce(or_, (text.contains(first) for first in _FIRST))
        return ibis.cases((maybe, text.re_search(_PATTERN)), (text.notnull(), False))

    # DuckDB works out twice what it joins.
    return let(let(said, lambda texts: texts.join("\n")), spelled)
