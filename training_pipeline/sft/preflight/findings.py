"""What a rehearsal finds, and the codes by which whoever asked for it tells one kind from another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ..encoding.pair_ids import NAMED

if TYPE_CHECKING:  # heavy, and whoever reads findings needs none of it
    from ..encoding.data import Example

#: The job would fail.
REFUSED: Final = "training_refused"
CUT_OFF: Final = "answers_cut_off"
#: The job would go on.
CUT: Final = "examples_cut"
CONTROL_TOKENS: Final = "control_tokens"

CODES: Final = (REFUSED, CUT_OFF, CUT, CONTROL_TOKENS)


@dataclass(slots=True)
class Finding:
    """Something that the trainer would refuse, cut or read otherwise; `pair_ids` are the first of `count`.

    Never quotes a pair.
    """

    code: str
    message: str
    count: int = 0
    pair_ids: list[str] = field(default_factory=list)

    def add(self, example: Example) -> None:
        """Count one more example."""
        self.count += 1
        if len(self.pair_ids) < NAMED:
            self.pair_ids.extend(example.pair_ids)
