"""Functions of the engine that Ibis has no word for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir


def engine_function(name: str, arguments: Mapping[str, dt.DataType], returns: dt.DataType) -> Callable[..., ir.Value]:
    """The engine's function `name` for use in expressions, with the types of its arguments and of what it returns."""

    def function() -> None: ...

    # Ibis reads the names of the arguments from the signature.
    function.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(argument, Parameter.POSITIONAL_OR_KEYWORD) for argument in arguments]
    )
    built: Callable[..., ir.Value] = ibis.udf.scalar.builtin(
        function, name=name, signature=(tuple(arguments.values()), returns)
    )
    return built
