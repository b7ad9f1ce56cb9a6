"""How the assets appear in Dagster: group, kinds, description and owners."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, TypedDict

import dagster as dg

from training_pipeline.domain.training_sheet import TrainingSheet

#: The external assets, which a training sheet was made from.
EXTERNAL: Final = ("source_sheet", "prompt_template", "canonical_labels")

#: Says of every asset whether anybody's words are stored in it. An asset with text is readable by its owner only.
TEXT_TAG: Final = "training_pipeline/text"
_NO_TEAM: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NO_TEXT: Final = "none"
_INCLUDED: Final = "included-pairs"

_ASSETS: Final[dict[str, tuple[str, tuple[str, ...], str, str]]] = {
    # key: group, kinds, whose text is stored, description
    "source_sheet": (
        "source",
        (),
        _NO_TEXT,
        "The source dataset that the questions were asked about: a table, or a folder of documents. It is kept "
        "outside this system. Each training job reports the version that its training sheet was made from.",
    ),
    "prompt_template": (
        "source",
        (),
        _NO_TEXT,
        "The versioned prompt that turned the items of the source sheet into questions. It is kept outside this "
        "system. Each training job reports the version that its training sheet was made with.",
    ),
    "canonical_labels": (
        "source",
        (),
        _NO_TEXT,
        "The experts' ground truth for items of the source sheet, from which pairs were approved, with usage "
        "constraints that the pairs inherit. Each training job reports the digest of those that its training sheet "
        "refers to.",
    ),
    "training_sheet": (
        "source",
        ("ibis",),
        _NO_TEXT,
        "The Q&A pairs generated from one source sheet with one prompt template and reviewed by experts, as the "
        "training job read them: their sources, the sheet's review status, and the digest of everything stored in it.",
    ),
    "governed_pairs": (
        "governance",
        ("ibis", "parquet"),
        _NO_TEXT,
        "The verdict of two gates on every pair. The quality gate lets only expert-approved pairs through, the "
        "usage gate only those that may be trained on and are not prohibited; a missing constraint denies. Every "
        "excluded pair is counted under exactly one reason, with the stewards' usage reason. Only identifiers, hashes "
        "and verdicts are stored, no text.",
    ),
    "train_split": (
        "governance",
        ("file", "parquet"),
        _INCLUDED,
        "The pairs that the model is trained on, one chat example per line, and the manifest that lists every pair of "
        "the sheet with its verdict and who allowed it. The split is deterministic and leak-proof: pairs that share "
        "an item, a canonical label or a question are in the same split.",
    ),
    "validation_split": (
        "governance",
        ("file", "parquet"),
        _INCLUDED,
        "The pairs that the model is validated on. Nothing in it is tied to the train split, and every pair in it "
        "may be used for validation. Pairs that may not be go to train, with whatever is tied to them.",
    ),
    "fine_tuning_run": (
        "training",
        ("transformers",),
        _NO_TEXT,
        "The backend's run that fine-tunes the base model on the train split. Right before submission, every "
        "included pair is checked against the source again. Progress is reported here as observations.",
    ),
    "training_metrics": (
        "training",
        ("pandas",),
        _NO_TEXT,
        "The final metrics: losses, token accuracy, steps, tokens and time as plain numbers, which can be plotted "
        "across training jobs, and the loss curve. Fails with the cause if the training failed or timed out.",
    ),
    "fine_tuned_model": (
        "registry",
        ("mlflow",),
        _NO_TEXT,
        "The model version that the training job registered, with the hashes of its files and what it was trained "
        "on. It is materialized, and the job succeeds, only once Dagster, the lineage record, the stored dataset and "
        "MLflow agree.",
    ),
    "model_evaluation": (
        "evaluation",
        ("parquet",),
        _NO_TEXT,
        "What the model version scored on an evaluation suite, beside its base model and the version in use: figures "
        "with their intervals, wins and losses pair by pair, what became of the suite's pairs, and the verdict of the "
        "gate once somebody asked it. Materialized for each evaluation that ends and each decision that rests on one, "
        "wherever they were asked for. Only scores are stored, no text.",
    ),
}


class About(TypedDict):
    """Arguments of an asset's spec."""

    group_name: str
    kinds: set[str]
    tags: dict[str, str]
    description: str


def about(key: str) -> About:
    """Group, kinds, tags and description of an asset, as arguments of its spec."""
    group, kinds, text, description = _ASSETS[key]
    return {"group_name": group, "kinds": set(kinds), "tags": {TEXT_TAG: text}, "description": description}


def with_backend(spec: dg.AssetSpec, backend: str) -> dg.AssetSpec:
    """The spec with the kind of the backend, where the asset lives there and its kind is not said yet."""
    if backend == "databricks" and spec.key.to_user_string() in {"fine_tuning_run", "fine_tuned_model"}:
        return spec.merge_attributes(kinds={"databricks"})
    return spec


def with_owners(spec: dg.AssetSpec, owners: Collection[str]) -> dg.AssetSpec:
    """The spec of an asset that belongs to the owners of training sheets, with them."""
    if spec.key.to_user_string() in {"training_sheet", "governed_pairs"}:
        return spec.merge_attributes(owners=sorted(owners))
    return spec


def owners_of(sheets: Iterable[TrainingSheet]) -> set[str]:
    """The owners that the heads of training sheets name, as Dagster knows owners: an e-mail address or a team.

    Dagster knows fewer addresses than there are: one whose domain ends in `.technology` becomes a team.
    """
    return {owner for sheet in sheets if (owner := _owner(sheet.owner.strip())) is not None}


def _owner(name: str) -> str | None:
    asked = (name, f"team:{_NO_TEAM.sub('-', name)}") if name else ()
    return next(filter(_is_known_to_dagster, asked), None)


def _is_known_to_dagster(owner: str) -> bool:
    """Ask Dagster itself: an owner that it refuses takes the whole code location down."""
    try:
        dg.AssetSpec("owned", owners=[owner])
    except dg.DagsterInvalidDefinitionError:
        return False
    return True
