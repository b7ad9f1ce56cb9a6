"""The reference of the command line, from the commands themselves. `write_reference.py` puts it into docs/cli.md."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from training_pipeline.cli import app as command_line


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, in the order of the help."""
    for name in command_line.COMMANDS:
        loaded = command_line.load(name)
        inner = getattr(loaded, "commands", {})
        if inner and name not in inner:
            yield from ((f"{name} {verb}", command) for verb, command in inner.items())
        else:
            yield name, inner.get(name, loaded)


def is_argument(parameter: Any) -> bool:
    """Whether it is given by its place."""
    return bool(parameter.param_type_name == "argument")


def names(parameter: Any) -> str:
    """How a parameter is written."""
    if is_argument(parameter):
        return str(parameter.name).upper()
    return ", ".join([*parameter.opts, *parameter.secondary_opts])


def choices(annotation: Any) -> list[str]:
    """What may be given, where that is a list of names."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return [found for inner in get_args(annotation) for found in choices(inner)]


def meaning(parameter: Any) -> str:
    """What it means, with what may be given."""
    text = parameter.help or ""
    named = choices(parameter.type_descriptor.annotation)
    if named:
        text += f" One of {', '.join(f'`{name}`' for name in named)}."
    low, high = parameter.min, parameter.max
    if low is not None and high is not None:
        text += f" {low} to {high}."
    elif low is not None:
        text += f" At least {low}."
    return text.replace("|", "\\|")


def default(parameter: Any) -> str:
    """What holds where it is left out."""
    if parameter.required:
        return "required"
    value = parameter.default
    if getattr(parameter, "secondary_opts", None):
        value = parameter.opts[0] if value else parameter.secondary_opts[0]
    shown = value not in (None, False, (), "") and getattr(parameter, "show_default", True)
    return f"`{value}`" if shown else ""


def reference() -> str:
    """A section for each command: what it does, and a table of what it takes."""
    parts = []
    for name, command in commands():
        arguments = [parameter for parameter in command.params if is_argument(parameter)]
        usage = " ".join(["training-pipeline", name, *(f"{argument.name.upper()}" for argument in arguments)])
        parts.append(f"### `{usage}`\n\n{inspect.cleandoc(command.help)}\n")
        shown = [parameter for parameter in command.params if "--help" not in getattr(parameter, "opts", ())]
        if shown:
            lines = ["| option | default | meaning |", "| --- | --- | --- |"]
            lines += [f"| `{names(one)}` | {default(one)} | {meaning(one)} |" for one in shown]
            parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
