"""The drop-downs of the page of imports: which column is what, what words mean, and what is left out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from training_pipeline.schemas.sheet_import import ImportDryRun
from training_pipeline.web import formats
from training_pipeline.web.elements import VALUE, Tag
from training_pipeline.web.imports.draft import (
    COLUMN,
    EVERY,
    OFFERED,
    TARGETS,
    ImportDraft,
    unknown_words,
    words_of,
)

Changed = Callable[[ImportDraft], Awaitable[None]]
#: Word of a choice that takes back what was said.
_UNSAID: Final = "?"
_MOST_UNUSED: Final = 40


class ColumnChoices:
    """One drop-down for each column of a training sheet. Made once, so that the keyboard stays where it is."""

    def __init__(self, found: ImportDryRun, draft: Callable[[], ImportDraft], changed: Changed) -> None:
        self._hints: dict[str, Tag] = {}
        with Tag("div", classes="fields"):
            for target, (title, help_text) in TARGETS.items():
                self._choice(target, title, help_text, found, draft, changed)

    def _choice(
        self,
        target: str,
        title: str,
        help_text: str,
        found: ImportDryRun,
        draft: Callable[[], ImportDraft],
        changed: Changed,
    ) -> None:
        async def chosen(value: str) -> None:
            await changed(draft().choose(target, value))

        said = draft().choices.get(target, "")
        names = [column.name for column in found.columns]
        if said.startswith(COLUMN) and said.removeprefix(COLUMN) not in names:
            names.append(said.removeprefix(COLUMN))  # of a file before this one
        with Tag("div", classes="form-field"):
            Tag("label", title, classes="field-name", for_=f"map-{target}")
            with Tag("select", id_=f"map-{target}", aria_describedby=f"map-help-{target}") as select:
                Tag("option", "as recognised, or not stated", value="")
                with Tag("optgroup", label="A column of the file"):
                    for name in names:
                        value = COLUMN + name
                        Tag("option", name, value=value, selected=value == said or None)
                if target in OFFERED:
                    with Tag("optgroup", label="The same for every pair"):
                        for words in OFFERED[target]:
                            value = EVERY + words
                            Tag("option", f"every pair: {words}", value=value, selected=value == said or None)
            select.when("change", lambda event: chosen(str(event.args)), VALUE)
            with Tag("span", classes="help", id_=f"map-help-{target}"):
                self._hints[target] = Tag("span", help_text)

    def show(self, found: ImportDryRun) -> None:
        """Say where each column comes from now."""
        for target, hint in self._hints.items():
            help_text = TARGETS[target][1]
            used = found.used.get(target, [])
            hint.say(f"{help_text} Now from {' + '.join(used)}.".strip() if used else help_text)


class WordChoices:
    """What each word of the file means, for the columns whose words the gates judge by."""

    def __init__(self, draft: Callable[[], ImportDraft], changed: Changed) -> None:
        self._draft = draft
        self._changed = changed
        self._shown: object = None
        self._place = Tag("div", classes="words")

    def show(self, found: ImportDryRun) -> None:
        """Offer the words of the columns that are used now. What is on the page stays there if nothing changed."""
        wanted = {
            target: words_of(target, found)
            for target in OFFERED
            if unknown_words(target, found) or self._draft().meanings.get(target)
        }
        if wanted == self._shown:
            return
        self._shown = wanted
        self._place.clear()
        with self._place:
            for target, words in wanted.items():
                with Tag("fieldset", classes="word-set"):
                    Tag("legend", f"{TARGETS[target][0]}: what the words of {' + '.join(found.used[target])} mean")
                    with Tag("div", classes="fields"):
                        for number, word in enumerate(words):
                            self._word(target, word, f"word-{target}-{number}")
            if not wanted:
                Tag("p", "Every word of the columns that were chosen is known.", classes="muted")

    def _word(self, target: str, word: str, name: str) -> None:
        async def meant(value: str) -> None:
            await self._changed(self._draft().mean(target, word, None if value == _UNSAID else value))

        said = self._draft().meanings.get(target, {}).get(word, _UNSAID)
        with Tag("div", classes="form-field"):
            with Tag("label", classes="field-name", for_=name):
                Tag("code", word)
            with Tag("select", id_=name) as select:
                Tag("option", "say what it means …", value=_UNSAID, selected=said == _UNSAID or None)
                Tag("option", "nothing: not stated, so not trained on", value="", selected=said == "" or None)
                for words in OFFERED[target]:
                    if words != "none":
                        Tag("option", words, value=words, selected=said == words or None)
            select.when("change", lambda event: meant(str(event.args)), VALUE)


class UnusedColumns:
    """Unused columns, each of which can be left out on purpose."""

    def __init__(self, draft: Callable[[], ImportDraft], changed: Changed) -> None:
        self._draft = draft
        self._changed = changed
        self._shown: object = None
        self._place = Tag("div")

    def show(self, found: ImportDryRun) -> None:
        """List what is not used now."""
        unused = dict(list(found.unused.items())[:_MOST_UNUSED])
        if unused == self._shown:
            return
        self._shown = unused
        self._place.clear()
        with self._place:
            if not unused:
                Tag("p", "Every column is used.", classes="muted")
            for name, count in unused.items():
                with Tag("label", classes="check"):
                    box = Tag("input", type_="checkbox", checked=name in self._draft().ignored or None)
                    box.when("change", self._ticked(name), "(event) => emit(event.target.checked)")
                    Tag("span", f"Leave out {name} ({formats.count(count)} rows)")

    def _ticked(self, name: str) -> Callable[..., Awaitable[None]]:
        async def ticked(event: object) -> None:
            await self._changed(self._draft().ignore(name, ignored=bool(getattr(event, "args", False))))

        return ticked
