from __future__ import annotations

from training_pipeline.domain.training_config import JobRequest, TrainingConfig
from training_pipeline.web.form.fields import FIRST, config_fields, request_fields, typed


def test_the_form_has_every_key_that_the_service_knows_with_its_help() -> None:
    assert {field.name for field in config_fields()} == set(TrainingConfig.model_fields)
    assert set(request_fields()) == set(JobRequest.model_fields) - {"training_config"}
    assert all(field.help for field in (*config_fields(), *request_fields().values()))
    assert [field.name for field in config_fields()[: len(FIRST)]] == list(FIRST)


def test_ranges_defaults_and_choices_are_those_of_the_service() -> None:
    fields = {field.name: field for field in config_fields()}
    epochs, method, dropout = fields["epochs"], fields["method"], fields["lora_dropout"]
    assert (epochs.kind, epochs.default, epochs.automatic, epochs.range) == ("number", "auto", True, "1 to 50")
    assert (method.kind, method.choices, method.automatic) == ("choice", ("full", "lora"), True)
    assert (dropout.least, dropout.most, dropout.default, dropout.automatic) == (0, 0.9, "0", False)
    assert fields["max_grad_norm"].range == "over 0 to 100"
    assert fields["lr_scheduler"].choices == ("cosine", "linear", "constant")
    split = request_fields()["train_val_split"]
    assert (split.least, split.most, split.default) == (0.1, 0.95, "0.8")
    assert request_fields()["register_to_uc"].kind == "switch"


def test_what_is_typed_becomes_what_the_service_expects_or_stays_for_it_to_judge() -> None:
    epochs = next(field for field in config_fields() if field.name == "epochs")
    assert [typed(epochs, text) for text in ("3", "3.5", "many", "auto")] == [3, 3.5, "many", "auto"]
    assert [type(typed(epochs, text)) for text in ("3.0", "1e1", "inf", "nan")] == [int, int, float, float]
    assert type(typed(request_fields()["train_val_split"], "1.0")) is float
    assert typed(request_fields()["model_name"], "42") == "42"
