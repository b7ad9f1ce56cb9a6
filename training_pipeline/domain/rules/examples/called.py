"""What a message calls, as examples are compared: the functions and their arguments, however they are written.

Of a call count the name and the arguments of its `function`. Arguments that are JSON text are the value in it. Both are
taken apart at brackets, braces and commas. The parts of all calls, each in the loose form (`normal_form.py`), count
without their order: neither that of keys nor that of elements makes another call. That is less than JSON says: some
different calls are one, and never is one call two. A number is as the engine writes it, without a fraction of zeros.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import ibis.expr.types as ir

from training_pipeline.domain.rules.examples.json_text import NO_JSON, read
from training_pipeline.domain.rules.text.dialects import CALL, EngineWords
from training_pipeline.domain.rules.text.normal_form import NormalForm

#: What stands between two parts.
_BORDERS: Final = r"(?:[.]0+)?[\[\]{},]+"


def called(calls: ir.StringValue, words: EngineWords, form: NormalForm) -> ir.ArrayValue:
    """The parts of all calls in the JSON text of a list of them; of any other text its own. Squeezed, in no order."""
    return words.functions(calls, lambda function: words.around(form.squeezed(function), _BORDERS)).flatten()


def called_in(stated: object) -> list[str]:
    """The same in Python, of what a message states."""
    calls = read(stated) if isinstance(stated, str) else stated
    functions = [*map(_function, calls)] if isinstance(calls, list) else [_text(stated)]
    return [part for function in functions for part in re.split(_BORDERS, function)]


def _function(call: object) -> str:
    function = call.get("function") if isinstance(call, Mapping) else None
    name, arguments = (function.get(key) if isinstance(function, Mapping) else None for key in ("name", "arguments"))
    if isinstance(arguments, str) and (value := read(arguments)) is not NO_JSON:
        arguments = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return f"{CALL}{_text(name)},{_text(arguments)}"


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
