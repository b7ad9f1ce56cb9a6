from __future__ import annotations

from rich.console import Console, Group

from training_pipeline.cli.render import advice
from training_pipeline.schemas.advice import Advice, Finding
from training_pipeline.testing.jobs.advice_facts import by_rule, facts
from training_pipeline.testing.jobs.api_answers import job

GIVEN = [
    Advice.model_validate(one)
    for one in by_rule(facts(learning_rate=0.05, validation_pairs=5, base_model="[red]m[/]")).values()
]


def text(*shown: object) -> str:
    console = Console(width=300, color_system=None)
    with console.capture() as captured:
        console.print(Group(*shown))  # type: ignore[arg-type]
    return captured.get()


def test_what_is_followed_is_shown_where_all_is_asked_for() -> None:
    whole, rest = text(*advice.advice(GIVEN, whole=True)), text(*advice.advice(GIVEN, whole=False))
    assert "learning_rate" in rest
    assert "0.00029" in rest
    assert "! With 5 validation pairs" in rest
    assert "cannot be measured. (Wilson's score interval of a proportion (1927), at 95 %; confidence high)" in rest
    assert "lora targets" in whole
    assert "lora" not in rest.replace("LoRA", "")
    assert advice.advice([], whole=True) == []


def test_the_options_that_take_it() -> None:
    assert str(advice.options(GIVEN)) == "Take it with --config learning_rate=0.00029"
    assert advice.options([one for one in GIVEN if one.taken]) is None
    assert advice.not_taken(GIVEN) == "learning_rate=0.00029 (it has 0.05)"
    assert advice.not_taken([]) == ""


def test_findings_come_with_the_command_that_tries_the_change() -> None:
    found = [
        Finding(rule="gap", message="Far above.", changes={"lora_dropout": 0.05}, confidence="low"),
        Finding(rule="right_tokens_wrong_answers", message="No answer is.", changes={}, confidence="high"),
    ]
    shown = text(advice.findings(found, job(requested_config={"epochs": 3})))
    create = "Try: training-pipeline jobs create --model-name triage --base-model builtin:tiny"
    assert f"{create} --config epochs=3 --config lora_dropout=0.05 -- sheet-123" in shown
    assert shown.count("Try:") == 1
