from __future__ import annotations

from datetime import date
from typing import Any

from training_pipeline.sft.encoding.served_template import with_fixed_date, with_prompt

HI = [{"role": "user", "content": "hi"}]


def written(tokenizer: Any, template: str, *, prompt: bool) -> str:
    text: str = tokenizer.apply_chat_template(HI, chat_template=template, tokenize=False, add_generation_prompt=prompt)
    return text


def test_a_template_writes_the_day_that_it_was_given(tiny_tokenizer: Any) -> None:
    template = """{%- if strftime_now is defined -%}{{- strftime_now('%d %b') + strftime_now( "%Y" ) -}}{%- endif -%}"""
    fixed = with_fixed_date(template, date(2026, 3, 1))
    assert written(tiny_tokenizer, fixed, prompt=False) == "01 Mar2026"
    assert with_fixed_date("no date", date(2026, 3, 1)) == "no date"


def test_a_template_asks_with_the_text_it_was_given(tiny_tokenizer: Any) -> None:
    template = "{%- for m in messages -%}{{- m['content'] -}}{%- endfor -%}"
    template += "{%- if add_generation_prompt -%}{{- '<own>' -}}{%- endif -%}"
    ours = with_prompt(template, "<\uff5cA\uff5c>\n\"'🙂")
    assert written(tiny_tokenizer, ours, prompt=True) == "hi<\uff5cA\uff5c>\n\"'🙂"
    assert written(tiny_tokenizer, ours, prompt=False) == "hi"
