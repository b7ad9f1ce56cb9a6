"""What a study was asked for: the space, how it is searched, and what all its trials are like."""

from __future__ import annotations

from training_pipeline.domain.search import IntSearch, Search, WordSearch
from training_pipeline.schemas.study import StudyPage
from training_pipeline.web import formats
from training_pipeline.web.elements import Tag, panel, small_table, text_fact
from training_pipeline.web.form.estimate import interval
from training_pipeline.web.studies import words


def asked_for(study: StudyPage) -> None:
    """Show the request; it never changes."""
    asked = study.request
    with Tag("div", classes="columns"):
        with panel("What is searched", name="space"), small_table("Space", ["Parameter", "Values", "Drawn"]):
            for name, search in asked.space.searched.items():
                with Tag("tr"):
                    Tag("td", formats.words(name), classes="strong")
                    for said in in_words(search):
                        Tag("td", said)
        with panel("How it is searched", name="how"), Tag("dl", classes="facts"):
            text_fact("Objective", f"the {'highest' if study.is_higher_better else 'lowest'} {words.measure(study)}")
            if asked.suite is not None:
                text_fact("Suite", f"{asked.suite}, by {asked.metric}")
            text_fact("Sampler", f"{asked.sampler}, seed {asked.seed}")
            text_fact("Pruner", asked.pruner.kind)
            if asked.pruner.kind != "none":
                text_fact("Trials that must succeed before any is pruned", f"{asked.pruner.startup_trials:,}")
                text_fact("Evaluations before a trial may be pruned", f"{asked.pruner.warmup_evaluations:,}")
            text_fact("Trials at the same time", f"{asked.most_at_once} at most")
            text_fact("The best trial is promoted", "when it has finished" if asked.promote else "by hand")
            text_fact("A trial is estimated to take", interval(study.estimate.time, formats.seconds) or "not known")
            text_fact("Dataset of all trials", (study.dataset_digest or "")[:12] or "not known yet")
    _base_models(study)
    stated = {**asked.job.model_dump(exclude_unset=True, exclude={"training_config"})}
    stated |= asked.job.training_config.model_dump(exclude_unset=True)
    with panel("The same for all trials", name="like"), Tag("dl", classes="facts wide"):
        for name, found in stated.items():
            text_fact(formats.words(name), formats.value(found))


def _base_models(study: StudyPage) -> None:
    """What each base model was when the study was created, and how long a trial on it takes."""
    if not study.base_models:
        return
    columns = ["Base model", "Commit or digest", "Licence", "A trial takes, by estimate"]
    with panel("Base models", name="base-models"):
        Tag(
            "p",
            "As they were when the study was created. All trials on one start from the same weights.",
            classes="muted",
        )
        with small_table("Base models", columns):
            for each in study.base_models:
                with Tag("tr"):
                    Tag("td", each.base_model, classes="strong")
                    Tag("td", (each.revision or each.digest or "")[:12] or "not known", classes="mono")
                    Tag("td", each.licence or "not known")
                    Tag("td", interval(each.estimate.time, formats.seconds) or "not known")


def in_words(search: Search) -> tuple[str, str]:
    """The values that are tried, and how they are drawn."""
    if search.choices is not None:
        return ", ".join(words.value(each) for each in search.choices), "one of them"
    if isinstance(search, WordSearch):
        raise AssertionError("words are searched by choices")
    between = f"{words.value(search.low)} to {words.value(search.high)}"
    if search.log:
        return between, "by their logarithm"
    stepped = isinstance(search, IntSearch) and search.step > 1
    return between, f"in steps of {search.step}" if stepped and isinstance(search, IntSearch) else "evenly"
