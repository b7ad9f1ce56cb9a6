"""Make a chat template write the same whenever it is asked, and ask for an answer as the training did."""

from __future__ import annotations

import json
import re
import string
from datetime import date
from typing import Final

#: What begins a template that was given a day before, by whatever version of this program.
_FIXED: Final = re.compile(r"\{%- macro strftime_now\(format\) -%\}.*?\{%- endmacro -%\}", re.DOTALL)
#: `%%` is the sign itself; every other directive stands in the table, or the template is refused.
_CLOCK: Final = (
    "{%- macro strftime_now(format) -%}"
    "{%- for part in format.split('%%') -%}"
    "{%- set day = namespace(text=part) -%}"
    "{%- for directive, said in TABLE.items() -%}"
    "{%- set day.text = day.text | replace(directive, said) -%}"
    "{%- endfor -%}"
    "{%- if '%' in day.text -%}"
    "{{- raise_exception('strftime_now is asked for a part of the date that was not fixed') -}}"
    "{%- endif -%}"
    "{{- ('' if loop.first else '%') + day.text -}}"
    "{%- endfor -%}"
    "{%- endmacro -%}"
)


def with_fixed_date(template: str, day: date) -> str:
    """`template` with `day` for today: its clock becomes a macro that knows this day only, in any format."""
    template = template.removeprefix(found[0]) if (found := _FIXED.match(template)) else template
    if "strftime_now" not in template:
        return template
    return _CLOCK.replace("TABLE", json.dumps(_directives(day), ensure_ascii=False)) + template


def _directives(day: date) -> dict[str, str]:
    """What each directive of `strftime` says of `day`, at midnight; those left out that this platform does not know.

    The seconds since 1970 are left out too: they are another number in each time zone.
    """
    known = [f"%{flag}{letter}" for flag in ("", "-") for letter in string.ascii_letters if letter != "s"]
    said = {directive: day.strftime(directive) for directive in known}
    return {directive: text for directive, text in said.items() if "%" not in text and text != directive[1:]}


def with_prompt(template: str, prompt: str) -> str:
    """`template` that asks for an answer with the text `prompt` instead of its own."""
    return (
        "{%- set ask_for_answer = add_generation_prompt -%}{%- set add_generation_prompt = false -%}"
        + template
        + "{%- if ask_for_answer -%}{{- "
        + json.dumps(prompt, ensure_ascii=False)
        + " -}}{%- endif -%}"
    )
