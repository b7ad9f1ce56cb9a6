"""The tool definitions of an example: a column of their own, and a part of the example.

A source presents them as the compact JSON text of a list of objects, as null where there are none, and as an empty text
where it has anything else in their place.
"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir


def has_sound_tools(tools: ir.StringValue) -> ir.BooleanValue:
    """Whether the tool definitions are what they should be, or missing. Never null."""
    return (tools != "").fill_null(True)


def with_tools(line: ir.StringValue, tools: ir.StringValue) -> ir.StringValue:
    """The rendered example `{"messages":[…]}` as `{"tools":[…],"messages":[…]}` where it has tool definitions."""
    defined = ibis.cases((tools != "", ibis.literal('"tools":') + tools + ","), else_="")
    # `line` stands here once: it is half of the statement that a warehouse gets.
    return ibis.literal("{") + defined + line.substr(1)
