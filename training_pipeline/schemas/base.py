"""The base of all response models."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """A part of a response. Non-finite numbers become null; every field is present."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, ser_json_inf_nan="null", json_schema_serialization_defaults_required=True
    )


NextCursor = Annotated[
    str | None,
    Field(
        description="Opaque `cursor` of the next page; null on the last page.",
        examples=["WyIyMDI2LTExLTIzVDA3OjIxOjQ1WiIsInRqLTIwMjYxMTIzLTA3MjE0NS05ZjNhMmMiXQ"],
    ),
]
Page = Annotated[
    int | None, Field(description="Number of this page, from 1; null if a cursor was given.", examples=[1])
]
PageSize = Annotated[int, Field(description="Maximum number of rows per page.", examples=[50])]
