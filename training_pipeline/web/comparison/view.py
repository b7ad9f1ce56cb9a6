"""Which jobs are compared, and how their curves are looked at, as it stands in the page's URL. No I/O."""

from __future__ import annotations

from typing import Self

from pydantic import Field

from training_pipeline.web import urls
from training_pipeline.web.charts.view import ChartView


class ComparisonView(ChartView):
    """The whole view of the page: whoever opens its URL sees the same."""

    #: As they were asked for: what is wrong with them is for the service to say.
    jobs: tuple[str, ...] = Field(())
    #: The stretch of the axis that is shown, in its unit; null where it is not bounded.
    start: float | None = Field(None, ge=0, le=1e15)
    end: float | None = Field(None, ge=0, le=1e15)

    #: The job whose line over the parameters is marked; empty for none.
    mark: str = ""

    @property
    def zoomed(self) -> bool:
        """Whether only a part of the axis is shown."""
        return self.start is not None or self.end is not None

    def on_axis(self, x: object) -> Self:
        """The same on another axis, from its beginning to its end: a stretch of one is none of another."""
        return self.with_(x=x, start=None, end=None)

    def address(self) -> str:
        """The URL of this view."""
        return urls.compare(self.jobs, self.with_(jobs=()).query())
