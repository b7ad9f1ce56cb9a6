"""What a format is, and what it hands over of each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

from training_pipeline.domain.rules.examples.chat_format import Problem

#: Which of several annotations of an item becomes its pair.
CHOICES: Final = ("agree", "latest", "ground_truth")


@dataclass(slots=True)
class Notes:
    """What was found on the way through one row."""

    #: Keys inside messages and the like that were not used, each with the number of its uses.
    unused: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    #: Rows that become no pair, and texts that are kept out, by what they are.
    left_out: Counter[str] = field(default_factory=Counter)

    #: A part of the conversation could not be read: what is left of it must not pass for the whole.
    spoilt: bool = False

    def problem(self, path: str, code: str, message: str, *, spoils: bool = True) -> None:
        """Note a problem of the row, and that it spoils the conversation unless it is about something else."""
        self.problems.append(Problem(path, code, message))
        self.spoilt = self.spoilt or spoils


@dataclass(frozen=True, slots=True)
class Flat:
    """A row without its format: what the format says itself, and columns for the mapping."""

    #: Columns of a training sheet, as their format gives them.
    given: dict[str, Any] = field(default_factory=dict)
    #: Everything else by its name. What is not mapped is unused.
    columns: dict[str, Any] = field(default_factory=dict)
    #: The columns that may hold the question, or the answer, where the format gives no messages.
    questions: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()


class Format(Protocol):
    """One format. It does not read files: its rows are what JSON has."""

    @property
    def name(self) -> str:
        """Its name for `--format`."""
        ...

    @property
    def title(self) -> str:
        """What it is, for people."""
        ...

    @property
    def status_words(self) -> Mapping[str, str]:
        """What the format's own words for the state of a pair mean; empty where it has none."""
        ...

    def recognise(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Why the first rows of a file look like this format; null where they do not."""
        ...

    def flatten(self, row: Mapping[str, Any], notes: Notes, choose: str) -> Flat | None:
        """The row's columns; null where it is no pair, which is noted."""
        ...


@runtime_checkable
class Gathering(Format, Protocol):
    """A format of which several rows may be annotations of one task, wherever in the file they stand."""

    def task_of(self, row: Mapping[str, Any]) -> str | None:
        """The task that a row annotates; null for a row that stands alone."""
        ...

    def flatten_task(self, rows: Sequence[Mapping[str, Any]], notes: Notes, choose: str) -> Flat | None:
        """The columns of the row that counts among all that annotate one task."""
        ...


def flattened(form: Format, rows: Sequence[Mapping[str, Any]], notes: Notes, choose: str) -> Flat | None:
    """The columns of a row, or of all that annotate one task; a row that the format stumbles over has a problem."""
    try:
        if len(rows) > 1 and isinstance(form, Gathering):
            return form.flatten_task(rows, notes, choose)
        return form.flatten(rows[-1], notes, choose)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - one row stops no other
        notes.problem("", "data_type", f"cannot be read as one of {form.title} ({type(error).__name__})")
        return Flat()


def count_of(value: object) -> int:
    """How many things a list or an object holds; anything else is one."""
    return len(value) if isinstance(value, list | dict) else 1


def most_have(rows: Sequence[Mapping[str, Any]], *names: str) -> bool:
    """Whether most rows have all these columns; the others will be told as what they are."""
    return 2 * sum(all(name in row for name in names) for row in rows) > len(rows)


def rest_of(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The row without some columns."""
    return {name: value for name, value in row.items() if name not in names}
