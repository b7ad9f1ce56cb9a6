"""What a training would make of a dataset, without training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from training_pipeline.backends.submission import Submission
from training_pipeline.domain.advice.facts import TokenLengths
from training_pipeline.domain.export_summary import SheetWarning
from training_pipeline.sft.preflight.findings import CUT_OFF, REFUSED

#: The code of the warning that it could not be found out what a training would refuse.
NOT_REHEARSED: Final = "not_rehearsed"


def would_fail(warnings: Iterable[SheetWarning]) -> bool:
    """Whether a job would fail for one of these, or nobody can say."""
    return any(warning.code in (REFUSED, CUT_OFF, NOT_REHEARSED) for warning in warnings)


class Rehearsal(BaseModel):
    """What a training would make of a dataset. Null is what nobody could say."""

    model_config = ConfigDict(frozen=True)

    #: What it would refuse or cut, with pair ids and never with text.
    warnings: tuple[SheetWarning, ...] = ()
    #: Of all examples, before any cut.
    lengths: TokenLengths | None = None
    #: Examples with a token that the vocabulary does not have.
    unknown_tokens: int | None = None
    #: What the texts are cut into tokens by, as the lineage of a job says it later.
    tokenizer_sha256: str | None = None
    chat_template_sha256: str | None = None


@runtime_checkable
class Rehearsing(Protocol):
    """What a backend has besides where it can say what a training would refuse or cut, without training."""

    def tokenizer(self, base_model: str) -> str | None:
        """Which tokenizer would be asked: another text wherever it is another one. None where there is none. Reads."""
        ...

    def rehearse(self, submission: Submission) -> Rehearsal:
        """What the trainer would make of this dataset. Reads only, for up to a minute."""
        ...
