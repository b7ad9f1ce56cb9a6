"""The value behind every "auto" of a job on Databricks, and what cannot be combined."""

from __future__ import annotations

from typing import Literal

from training_pipeline.backends.defaults import resolve
from training_pipeline.databricks.base_models import DatabricksModels, OfferedModel
from training_pipeline.databricks.compute import ACCELERATORS, problems
from training_pipeline.domain.advice.facts import ModelFacts
from training_pipeline.domain.errors import FieldProblem, InvalidRequest
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.sft.config import BUILTIN_TINY


def resolved_plan(
    models: DatabricksModels,
    base_model: str | None,
    config: TrainingConfig,
    *,
    train_pairs: int | None,
    own_accelerator: str | None,
) -> tuple[str, TrainingConfig]:
    """The base model's id and the configuration without any "auto"; raises `InvalidRequest` with all that is wrong.

    An accelerator left to us is the installation's own one where it holds the model, else the first that does.
    """
    found: list[FieldProblem] = []
    model = models.choose(base_model)
    if isinstance(model, FieldProblem):
        found.append(model)
        model = OfferedModel(id=base_model or "?", source=BUILTIN_TINY, description="")
    tiny = model.built_in
    method: Literal["lora", "full"] = config.method if config.method != "auto" else "full" if tiny else "lora"
    fitting = model.accelerators(method)
    if not fitting:
        message = f"is {method}, for which {model.id} needs more memory than any one node has; choose lora"
        found.append(FieldProblem("/training_config/method", "does_not_fit", message))
    ours = own_accelerator if own_accelerator in fitting else next(iter(fitting), next(reversed(ACCELERATORS)))
    name = ours if config.accelerator in {"auto", None} else config.accelerator
    assert name is not None  # noqa: S101 - there are accelerators
    count = config.accelerator_count if isinstance(config.accelerator_count, int) else ACCELERATORS[name].gpus
    found += problems(name, count, fitting, model.id)
    resolved, more = resolve(
        config.model_copy(update={"accelerator": "auto", "accelerator_count": "auto"}),
        from_scratch=tiny,
        train_pairs=train_pairs,
        precision="bf16",
        context_length=model.context_length,
        accelerators={"accelerator": name, "accelerator_count": count},
    )
    found += more
    if found:
        raise InvalidRequest("Databricks cannot run the requested training.", problems=found)
    return model.id, resolved


def described(models: DatabricksModels, base_model: str, config: TrainingConfig) -> ModelFacts:
    """What is known of a model on offer and of the GPUs that a configuration without "auto" asks for."""
    model = models.choose(base_model)
    known = (ModelFacts() if isinstance(model, FieldProblem) else model.facts).model_copy(update={"lean": True})
    node, count = ACCELERATORS.get(str(config.accelerator)), config.accelerator_count
    if node is None or not isinstance(count, int):
        return known
    of_machine = {"machine": f"{node.name}, {count} GPUs", "memory_bytes": count * node.gigabytes * 10**9}
    return known.model_copy(
        update={**of_machine, "sheet_speed": count * node.bf16 if config.precision == "bf16" else None}
    )
