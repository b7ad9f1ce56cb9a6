"""Every format by its name, and which one a file is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_pipeline.sheets.importing.formats.alpaca import Alpaca
from training_pipeline.sheets.importing.formats.argilla import Argilla
from training_pipeline.sheets.importing.formats.base import Format
from training_pipeline.sheets.importing.formats.columns import Columns
from training_pipeline.sheets.importing.formats.label_studio import LabelStudio
from training_pipeline.sheets.importing.formats.openai_chat import OpenAIChat
from training_pipeline.sheets.importing.formats.preference import Labelled, Preference
from training_pipeline.sheets.importing.formats.prodigy import Prodigy
from training_pipeline.sheets.importing.formats.prompt_completion import PromptCompletion
from training_pipeline.sheets.importing.formats.sharegpt import ShareGPT

AUTO: Final = "auto"
#: In the order in which they are tried: what says more comes first, and `columns` takes anything.
_TRIED: Final[Sequence[Format]] = (
    *(LabelStudio(), Argilla(), Prodigy(), Preference(), Labelled()),
    *(OpenAIChat(), ShareGPT(), PromptCompletion(), Alpaca(), Columns()),
)
FORMATS: Final[Mapping[str, Format]] = {one.name: one for one in _TRIED}


def recognised(rows: Sequence[Mapping[str, Any]]) -> tuple[Format, str]:
    """The format that the first rows of a file are in, and why."""
    for one in _TRIED:
        if why := one.recognise(rows):
            return one, why
    return FORMATS["columns"], "it has no rows"
