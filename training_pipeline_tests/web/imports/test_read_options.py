from __future__ import annotations

from training_pipeline.sheets.importing.formats.registry import FORMATS
from training_pipeline.web.imports.read_options import offered
from training_pipeline_tests.web.imports.test_draft import found


def test_what_can_be_chosen_is_what_there_is() -> None:
    seen = found().model_copy(update={"format": "columns", "worksheets": ["a", "b"]})
    assert list(offered(seen)) == ["worksheet", "format"]
    assert list(offered(seen)["worksheet"]) == ["", "a", "b"]
    assert set(offered(seen)["format"]) == {"", *FORMATS}
    exported = found().model_copy(update={"format": "label-studio", "worksheets": ["a"]})
    assert list(offered(exported)) == ["format", "annotation"]
