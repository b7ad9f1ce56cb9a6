"""What is measured while a run trains."""

from __future__ import annotations

from typing import Annotated, Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

#: Ends the name of the points that stand for values that were NaN or infinite.
NOT_FINITE: Final = "_not_finite"

#: What the names of points begin with that say what the machine does; their step is the number of the sample.
SYSTEM: Final = "system/"

#: The name of the point that counts the damaged checkpoints which a resume passed over, at the step it went on from.
PASSED_OVER: Final = "checkpoints_passed_over"


class MetricPoint(BaseModel):
    """One measured value. `name` is one of train_loss, val_loss, train_accuracy, val_accuracy, learning_rate,
    grad_norm; `epoch` is fractional, `tokens` counts from the start of the job, `time` is seconds since 1970. Names
    that begin with `SYSTEM` are those of samples of the machine.

    `value` is finite. A measurement that was not is the point `<name>_not_finite` with the value 1 at its step, so that
    their number is the count of such points. `(name, step)` identifies a point. `PASSED_OVER` is no measurement: each
    such point is an event.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    step: int
    value: Annotated[float, Field(allow_inf_nan=False)]
    epoch: float | None = None
    tokens: int | None = None
    time: float


@runtime_checkable
class MeasuresMachine(Protocol):
    """What a backend has besides where its runs measure the machine that they train on."""

    measures_machine: bool
