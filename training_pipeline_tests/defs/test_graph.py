"""How the assets present themselves."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_pipeline.definitions import build
from training_pipeline.defs import checks
from training_pipeline.defs.graph import TEXT_TAG, about, owners_of, with_backend
from training_pipeline.domain.training_sheet import Reference, SheetStatus, TrainingSheet
from training_pipeline.settings import Settings


def head(owner: str) -> TrainingSheet:
    reference = Reference(id="x")
    return TrainingSheet(
        id="s",
        name="S",
        status=SheetStatus.APPROVED,
        source_sheet=reference,
        prompt_template=reference,
        owner=owner,
    )


def definitions(tmp_path: Path, **settings: object) -> dg.Definitions:
    def never() -> None:
        raise AssertionError("nothing is opened while definitions are loaded")

    return build(Settings(state_dir=tmp_path, **settings), never, owners=owners_of([head("Document Operations")]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("owner", "known_as"),
    [
        ("grace@example.org", {"grace@example.org"}),
        ("document-operations", {"team:document-operations"}),
        ("Legal & Risk", {"team:Legal-Risk"}),
        ("ann@company.technology", {"team:ann-company-technology"}),
        ("x@y.123", {"team:x-y-123"}),
        ("ann@corp.example.", {"team:ann-corp-example-"}),
        ("team:legal", {"team:legal"}),
        (" ", set()),
        ("", set()),
    ],
)
def test_owners_are_those_that_the_sheets_name(owner: str, known_as: set[str]) -> None:
    found = owners_of([head(owner)])
    assert found == known_as
    dg.AssetSpec("a", owners=sorted(found))


@given(st.text() | st.emails() | st.from_regex(r"[a-z.+%]{1,5}@[A-Za-z0-9.|-]{1,9}", fullmatch=True))
def test_whatever_a_head_names_dagster_takes_what_is_made_of_it(owner: str) -> None:
    found = owners_of([head(owner)])
    assert len(found) == bool(owner.strip())
    dg.AssetSpec("a", owners=sorted(found))


def test_owners_stand_where_the_sheet_is_theirs_and_kinds_say_where_it_runs(tmp_path: Path) -> None:
    specs = {spec.key.to_user_string(): spec for spec in definitions(tmp_path).resolve_all_asset_specs()}
    owned = {key for key, spec in specs.items() if spec.owners}
    assert owned == {"training_sheet", "governed_pairs"}
    assert specs["governed_pairs"].kinds == {"ibis", "parquet"}
    assert specs["fine_tuning_run"].kinds == {"transformers"}
    assert with_backend(specs["fine_tuning_run"], "databricks").kinds == {"transformers", "databricks"}
    assert with_backend(specs["train_split"], "databricks").kinds == {"file", "parquet"}
    assert {key for key, spec in specs.items() if spec.tags[TEXT_TAG] != "none"} == {"train_split", "validation_split"}


def test_a_registered_model_grows_stale(tmp_path: Path) -> None:
    chosen = definitions(tmp_path, model_fresh_days=10)
    specs = {spec.key.to_user_string(): spec for spec in chosen.resolve_all_asset_specs()}
    policy = specs["fine_tuned_model"].freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)
    assert "days=10" in repr(policy)
    assert "days=8" in repr(policy)
    assert all(spec.freshness_policy is None for key, spec in specs.items() if key != "fine_tuned_model")


def test_every_description_is_one_paragraph() -> None:
    for key in ("source_sheet", "governed_pairs", "fine_tuned_model"):
        text = about(key)["description"]
        assert "\n" not in text
        assert text.endswith(".")


def test_every_check_says_what_it_promises_and_whether_it_blocks() -> None:
    assert [spec.name for spec in checks.ALL] == [
        "accounting_adds_up",
        "enough_pairs",
        "no_pair_fails_a_gate",
        "no_held_out_prompt_in_train",
        "no_component_torn",
        "both_sides_filled",
        "unchanged_since_snapshot",
        "trained_tokens_in_every_example",
        "metrics_finite_and_loss_lower",
        "still_permitted",
        "model_registered_and_files_match",
        "provenance_equals_lineage_record",
    ]
    for spec in checks.ALL:
        assert spec.description
        assert ("Blocks " in spec.description) == spec.blocking
        assert ("Warning only." in spec.description) != spec.blocking
