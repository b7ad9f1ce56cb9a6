"""What all answers have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """A part of an answer. A number that is not finite is null; nothing is left out."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, ser_json_inf_nan="null", json_schema_serialization_defaults_required=True
    )


NextCursor = Annotated[
    str | None,
    Field(
        description="Opaque: the `cursor` of the next page; null on the last one.",
        examples=["WyIyMDI2LTExLTIzVDA3OjIxOjQ1WiIsInRqLTIwMjYxMTIzLTA3MjE0NS05ZjNhMmMiXQ"],
    ),
]
Page = Annotated[
    int | None, Field(description="Number of this page, from 1; null where a cursor was given.", examples=[1])
]
PageSize = Annotated[int, Field(description="Most rows on a page.", examples=[50])]
