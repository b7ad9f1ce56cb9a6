"""The Launchpad job that asks the gate whether an alias may name a model version, and moves it if it may."""

# No postponed annotations here: Dagster reads those of what it decorates.
from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from training_pipeline.client.evaluation.local import LocalEvaluation
from training_pipeline.defs.evaluation_metadata import of_verdict
from training_pipeline.defs.evaluations import run_tags
from training_pipeline.defs.jobs import ServicesParam, in_one_sentence
from training_pipeline.defs.launchpad import (
    MODEL_NAME,
    REQUESTED_BY,
    VERSION,
    caller_of,
    form,
    other_version,
    stated,
    version_of,
)
from training_pipeline.models.promotion.gate import Verdict
from training_pipeline.schemas.promotion import ModelPromotion, PromoteModelVersion, PromotionGate
from training_pipeline.urls import Urls

_GATE: Final = PromotionGate.model_fields
_NUMBERS: Final = {str: float}


def _said(name: str) -> str:
    return str(_GATE[name].description)


#: Empty: the gate that was last used for the alias.
GATE: Final = {
    "margins": dg.Field(_NUMBERS, default_value={}, description=_said("margins")),
    "thresholds": dg.Field(_NUMBERS, default_value={}, description=_said("thresholds")),
    "forgetting": dg.Field({str: _NUMBERS}, default_value={}, description=_said("forgetting")),
    **form(PromotionGate, left_out=["margins", "thresholds", "forgetting"]),
}


@dg.op(
    config_schema={
        "model_name": MODEL_NAME,
        "version": VERSION,
        **form(PromoteModelVersion, left_out=["gate", "held"]),
        "gate": dg.Field(
            GATE, description="Requirements for the version. Without margins, those of the gate in force."
        ),
        "held": other_version(PromoteModelVersion, "held"),
        "requested_by": REQUESTED_BY,
    },
    description="Ask the gate, record its decision, and move the alias if the gate allows it.",
)
def promote(context: dg.OpExecutionContext, services: ServicesParam) -> None:
    """Promote the version; a run whose gate does not let it fails, with the verdict and its reasons."""
    asked: dict[str, Any] = dict(context.op_config)
    caller = caller_of(context.run, asked.pop("requested_by"), services.settings)
    with in_one_sentence():
        name, version = asked.pop("model_name"), version_of("version", asked.pop("version"))
        held, gate = asked.pop("held"), _gate(asked.pop("gate"))
        body: dict[str, Any] = stated(asked, PromoteModelVersion)
        body |= {"held": version_of("held", held)} if held != "" else {}
        body |= {"gate": gate} if gate else {}
        made = LocalEvaluation(services, caller).promote(name, version, body)
    recorded = next(each for each in services.promotions.of_model(name, made.alias) if each.number == made.number)
    subject = services.versions.subject(name, version)
    tags = run_tags(subject.job.id, name, made.evaluation_id or "none", caller.name)
    context.instance.add_run_tags(context.run_id, tags)
    links = Urls.of(services.settings)
    metadata = {
        "model": name,
        "model_version": version,
        "version_page": dg.MetadataValue.url(links.version(name, version)),
        **of_verdict(recorded),
        "previous_version": made.previous_version or "none",
        "evaluation": made.evaluation_id or "none",
        "training_job": dg.MetadataValue.url(links.job(subject.job.id)),
    }
    if made.verdict is not Verdict.SHIP:
        raise dg.Failure(refusal(made), metadata=metadata, allow_retries=False)
    moved = f"{made.alias} of {name} is version {version} now." if made.moved_at else f"{made.alias} was not moved."
    context.log.info(f"{moved} {made.reason}")
    context.add_output_metadata(metadata)


@dg.job(description="Move an alias of a model to a version, if the gate allows it. A failed run says why it stays.")
def promote_model() -> None:
    """One op: promote."""
    promote()


def _gate(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a form states of a gate: nothing where all of it is as it was."""
    return {name: value for name, value in stated(config, PromotionGate).items() if value != {}}


def refusal(made: ModelPromotion) -> str:
    """Why the alias stays where it is, in a sentence."""
    why = "; ".join(f"{each.asked}: {each.reason}" for each in made.findings if each.verdict is not Verdict.SHIP)
    where = f"stays at version {made.previous_version}" if made.previous_version else "stays at no version"
    more = f" About {made.more_pairs:,} pairs more would settle it." if made.more_pairs else ""
    return (
        f"The gate says: {made.verdict}. {made.alias} of {made.model_name} {where} and does not go to version "
        f"{made.model_version}: {why}.{more}"
    )
