"""Make a chat template write the same whenever it is asked, and ask for an answer as the training did."""

from __future__ import annotations

import json
import re
from datetime import date
from typing import Final

_CLOCK: Final = re.compile(r"""strftime_now\(\s*(?:'([^']*)'|"([^"]*)")\s*\)""")


def with_fixed_date(template: str, day: date) -> str:
    """`template` with `day` for today: its clock becomes a table of the formats that it asks for. Pure."""
    formats = {single or double for single, double in _CLOCK.findall(template)}
    if not formats:
        return template
    table = json.dumps({wanted: day.strftime(wanted) for wanted in sorted(formats)}, ensure_ascii=False)
    return f"{{%- macro strftime_now(format) -%}}{{{{- {table}[format] -}}}}{{%- endmacro -%}}{template}"


def with_prompt(template: str, prompt: str) -> str:
    """`template` that asks for an answer with the text `prompt` instead of its own. Pure."""
    return (
        "{%- set ask_for_answer = add_generation_prompt -%}{%- set add_generation_prompt = false -%}"
        + template
        + "{%- if ask_for_answer -%}{{- "
        + json.dumps(prompt, ensure_ascii=False)
        + " -}}{%- endif -%}"
    )
