"""What is wrong with a search space, all of it at once; how many configurations it has, and the one in its middle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from training_pipeline.domain.errors import FieldProblem
from training_pipeline.domain.search import BASE_MODEL, FloatSearch, IntSearch, Search, SearchSpace, WordSearch
from training_pipeline.domain.study import StudyRequest
from training_pipeline.domain.training_config import TrainingConfig
from training_pipeline.domain.validation import as_number, problems_from_validation

#: So many choices of one key at most.
MOST_CHOICES: Final = 64
#: The shortest that a study may be: a minute.
LEAST_HOURS: Final = 1 / 60
#: Keys that mean something for adapters only.
_OF_LORA: Final = ("lora_rank", "lora_alpha", "lora_dropout")


def problems_of(request: StudyRequest) -> list[FieldProblem]:
    """Everything that can be said against a study without asking anybody."""
    searched = request.space.searched
    found = [problem for name, search in searched.items() for problem in _of_key(name, search)]
    if not searched:
        known = ", ".join(SearchSpace.model_fields)
        found.append(FieldProblem("/space", "empty", f"searches nothing; name at least one of {known}"))
    config = request.job.training_config
    if BASE_MODEL in searched and request.job.base_model is not None:
        said = "is searched and set in the job; leave one of them out"
        found.append(FieldProblem(f"/space/{BASE_MODEL}", "set_twice", said))
    for name in searched:
        if name in config.model_fields_set and getattr(config, name) != "auto":
            said = "is searched and set in training_config; leave one of them out"
            found.append(FieldProblem(f"/space/{name}", "set_twice", said))
    if config.method == "full" and "method" not in searched:
        for name in set(_OF_LORA) & searched.keys():
            found.append(FieldProblem(f"/space/{name}", "no_effect", "changes nothing where the method is full"))
    if request.hours is not None and request.hours < LEAST_HOURS:
        said = f"is {request.hours:g}, less than a minute, which no trial can do with; make it longer, or leave it out"
        found.append(FieldProblem("/hours", "too_little", said))
    if not found and (count := combinations(request.space)) is not None and count < request.most_trials:
        said = f"is {request.most_trials}, but the space has {count} configurations in all"
        found.append(FieldProblem("/most_trials", "too_many", said))
    return found


def combinations(space: SearchSpace) -> int | None:
    """How many configurations a sound space has; None where there is no end of them."""
    counts = [len(values) if (values := every(search)) is not None else None for search in space.searched.values()]
    known = [count for count in counts if count is not None]
    return None if len(known) < len(counts) else math.prod(known)


def every(search: Search) -> tuple[Any, ...] | None:
    """All values of a sound search; None where there is no end of them."""
    if search.choices is not None:
        return tuple(search.choices)
    if isinstance(search, IntSearch) and search.low is not None and search.high is not None:
        return tuple(range(search.low, search.high + 1, search.step))
    return None


def probes(search: Search) -> tuple[Any, ...]:
    """The values of a sound search that stand for all: every one, or the ends where there is no end of them."""
    values = every(search)
    if values is not None:
        return values
    return () if isinstance(search, WordSearch) else (search.low, search.high)


def ends(search: Search) -> tuple[Any, ...]:
    """All words of a sound search, or the least and the greatest of its numbers."""
    if isinstance(search, WordSearch):
        return search.choices
    return (search.low, search.high) if search.choices is None else (min(search.choices), max(search.choices))


def middle(space: SearchSpace) -> dict[str, Any]:
    """A configuration in the middle of a sound space."""
    return {name: _middle(search) for name, search in space.searched.items()}


def _middle(search: Search) -> Any:
    values = every(search)
    if values is not None and not (isinstance(search, IntSearch) and search.log):
        return values[len(values) // 2]
    if isinstance(search, WordSearch) or search.low is None or search.high is None:
        raise AssertionError("a sound search has choices or both ends")
    between = math.sqrt(search.low * search.high) if search.log else (search.low + search.high) / 2
    return round(between) if isinstance(search, IntSearch) else between


def _of_key(name: str, search: Search) -> Iterator[FieldProblem]:
    at = f"/space/{name}"
    if search.choices is not None:
        yield from _of_choices(at, search)
        values: tuple[Any, ...] = search.choices
    elif isinstance(search, WordSearch) or search.low is None or search.high is None:
        yield FieldProblem(at, "incomplete", "needs low and high, or choices")
        return
    else:
        yield from _of_range(at, search)
        values = (search.low, search.high)
    if name != BASE_MODEL:  # the backend says which it takes
        yield from _refused(at, name, values)


def _of_choices(at: str, search: Search) -> Iterator[FieldProblem]:
    choices = search.choices or ()
    if not isinstance(search, WordSearch) and (search.low is not None or search.high is not None):
        yield FieldProblem(at, "both", "has choices, and low or high; leave one of them out")
    if len(choices) < 2:
        yield FieldProblem(f"{at}/choices", "too_few", "needs two values at least; one is set in the job")
    if len(choices) > MOST_CHOICES:
        yield FieldProblem(f"{at}/choices", "too_many", f"has {len(choices)} values; {MOST_CHOICES} at most")
    if "auto" in choices:
        yield FieldProblem(f"{at}/choices", "auto", 'has "auto", which stands for another value; name that one')
    if len(set(choices)) < len(choices):
        yield FieldProblem(f"{at}/choices", "twice", "has a value twice")


def _of_range(at: str, search: FloatSearch | IntSearch) -> Iterator[FieldProblem]:
    low, high = search.low or 0, search.high or 0
    if low > high:
        yield FieldProblem(at, "impossible", f"low is {low}, above high, which is {high}")
    elif low == high:
        yield FieldProblem(at, "one_value", "low is high: there is nothing to search; set it in training_config")
    if search.log and low <= 0:
        yield FieldProblem(f"{at}/low", "no_logarithm", f"must be above 0 where the logarithm is drawn, but is {low}")
    if isinstance(search, IntSearch):
        if search.step < 1:
            yield FieldProblem(f"{at}/step", "no_step", f"must be 1 at least, but is {search.step}")
        elif search.log and search.step != 1:
            yield FieldProblem(f"{at}/step", "log_and_step", "cannot be set where the logarithm is drawn")
        elif low < high and (high - low) % search.step:
            yield FieldProblem(f"{at}/step", "misses_high", f"in steps of {search.step}, {low} does not reach {high}")


def _refused(at: str, name: str, values: tuple[Any, ...]) -> Iterator[FieldProblem]:
    """What a training configuration says of the values. Its bounds are intervals: what both ends may be, all may."""
    for value in dict.fromkeys(values):
        try:
            TrainingConfig.model_validate({name: value})
        except ValidationError as error:
            for problem in problems_from_validation(list(error.errors()))[:1]:
                yield FieldProblem(at, "out_of_bounds", problem.message)


def search_of(text: str) -> dict[str, Any]:
    """A search as a person writes it: `low..high`, also with `:log` or `:step` behind it, or `a,b,c`.

    Raises `ValueError` for what is neither.
    """
    low, dots, rest = text.strip().partition("..")
    if not low or (dots and not rest):
        raise ValueError(f"{text!r} is neither low..high nor a,b,c")
    if not dots:
        return {"choices": [as_number(each.strip()) for each in low.split(",")]}
    high, colon, how = rest.partition(":")
    found: dict[str, Any] = {"low": as_number(low), "high": as_number(high)}
    if colon:
        found |= {"log": True} if how == "log" else {"step": as_number(how)}
    return found


def key_of(params: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """A configuration as a key, to see whether it was tried."""
    return tuple(sorted(params.items()))
