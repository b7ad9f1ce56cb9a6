from __future__ import annotations

import re
from pathlib import Path

from training_pipeline.databricks.base_models import DatabricksModels, OfferedModel
from training_pipeline.domain.advice.widths import SIZES, Size, size_of

DOCS = Path(__file__).parents[3] / "docs" / "advice.md"


def test_each_row_is_in_the_docs_with_its_source() -> None:
    rows = re.findall(
        r"^\| `([\w./-]+)` \|((?: [\d,]+ \|){4}) \[.+\]\(https://github\.com/\S+\) \|$", DOCS.read_text(), re.M
    )
    assert {name: Size(*map(int, re.findall(r"\d+", said.replace(",", "")))) for name, said in rows} == dict(SIZES)


def test_what_is_on_offer_on_databricks_has_as_many_weights_as_its_card_says() -> None:
    models = [DatabricksModels(has_token=True).choose(offer.id) for offer in DatabricksModels(has_token=True).offers()]
    both = {
        model.source: (model.parameters, size.parameters)
        for model in models
        if isinstance(model, OfferedModel) and (size := size_of(model.source))
    }
    assert len(both) >= 5
    assert all(said == counted for said, counted in both.values())


def test_case_does_not_matter() -> None:
    assert size_of("QWEN/qwen3-4b") == SIZES["Qwen/Qwen3-4B"]
    assert size_of("Qwen/Qwen3-4B-of-ours") is None
