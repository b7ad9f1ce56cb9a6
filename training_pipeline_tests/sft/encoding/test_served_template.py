from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

from training_pipeline.sft.encoding.served_template import with_fixed_date, with_prompt
from training_pipeline.testing.soak import examples

DAY = date(2026, 3, 1)
HI = [{"role": "user", "content": "hi"}]


def written(tokenizer: Any, template: str, *, prompt: bool) -> str:
    text: str = tokenizer.apply_chat_template(HI, chat_template=template, tokenize=False, add_generation_prompt=prompt)
    return text


@pytest.mark.parametrize(
    "template",
    [
        """{%- if strftime_now is defined -%}{{- strftime_now('%d %b') + strftime_now( "%Y" ) -}}{%- endif -%}""",
        "{%- set f = '%d %b%Y' -%}{{- strftime_now(f) -}}",
        "{{- strftime_now(format='%d %b%Y') -}}",
        "{{- strftime_now('%d %b' ~ '%Y') -}}",
        "{{- strftime_now ('%d') -}}{%- set f = ' %b%Y' -%}{{- strftime_now(f) -}}",
        "{%- set now = strftime_now -%}{{- now('%d %b%Y') -}}",
        "{%- macro today() -%}{{- strftime_now('%d %b%Y') -}}{%- endmacro -%}{{- today() -}}",
    ],
)
def test_a_template_writes_the_day_that_it_was_given_however_it_asks(tiny_tokenizer: Any, template: str) -> None:
    fixed = with_fixed_date(template, DAY)
    assert written(tiny_tokenizer, fixed, prompt=False) == "01 Mar2026"
    assert with_fixed_date(fixed, date(2027, 3, 1)) == with_fixed_date(template, date(2027, 3, 1))


def test_a_template_without_a_date_stays_as_it_is() -> None:
    assert with_fixed_date("no date", DAY) == "no date"


directives = st.builds("".join, st.tuples(st.sampled_from(["%", "%-"]), st.sampled_from("aAwdbBmyYHIpMSjUWGuV")))
formats = st.lists(st.one_of(directives, st.sampled_from(["%%", " ", "d", "Y", "-", "\n"])), max_size=8).map("".join)


@settings(max_examples=examples(20), deadline=None)
@given(formats, st.dates(date(1970, 1, 1)))
def test_every_format_says_what_the_clock_would(wanted: str, day: date) -> None:
    template = with_fixed_date("{{- strftime_now(" + json.dumps(wanted) + ") -}}", day)
    rendered: Any = render_jinja_template(conversations=[HI], chat_template=template)
    assert rendered[0] == [day.strftime(wanted)]


@pytest.mark.parametrize("wanted", ["%s", "%Q", "100%", "%_d"])
def test_a_part_of_the_date_that_is_not_fixed_is_refused(tiny_tokenizer: Any, wanted: str) -> None:
    template = with_fixed_date("{{- strftime_now('" + wanted + "') -}}", DAY)
    with pytest.raises(TemplateError, match="that was not fixed"):
        written(tiny_tokenizer, template, prompt=False)


def test_a_template_asks_with_the_text_it_was_given(tiny_tokenizer: Any) -> None:
    template = "{%- for m in messages -%}{{- m['content'] -}}{%- endfor -%}"
    template += "{%- if add_generation_prompt -%}{{- '<own>' -}}{%- endif -%}"
    ours = with_prompt(template, "<\uff5cA\uff5c>\n\"'🙂")
    assert written(tiny_tokenizer, ours, prompt=True) == "hi<\uff5cA\uff5c>\n\"'🙂"
    assert written(tiny_tokenizer, ours, prompt=False) == "hi"
