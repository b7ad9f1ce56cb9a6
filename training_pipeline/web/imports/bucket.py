"""Import from where data lies: the URL of a file or a table in a bucket, where the installation allows any."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from training_pipeline.domain.bucket_location import EXAMPLE
from training_pipeline.domain.errors import PipelineError
from training_pipeline.uploads.staging import Upload
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import VALUE, Tag, button
from training_pipeline.web.layout import problem


class BucketFields:
    """A field for the URL, one for the version of a table, and a button. Whoever is shown what came is told."""

    def __init__(self, client: PageClient, fetched: Callable[[Upload], Awaitable[None]]) -> None:
        self._client = client
        self._fetched = fetched
        self._said = {"url": "", "version": ""}
        prefixes = ", ".join(map(str, client.import_prefixes))
        with Tag("details", classes="from-bucket"):
            Tag("summary", "Or import from a bucket")
            with Tag("div", classes="fields"):
                self._field("url", "URL", f"A file, or a Delta or Iceberg table, below {prefixes}.", EXAMPLE)
                self._field("version", "Version of the table", "By default the latest.", "")
            self._button = button("Fetch", picture="sheet").when("click", self._fetch)
            self._state = Tag("span", "", classes="muted", role="status")
            self._trouble = Tag("div", classes="after")

    def _field(self, name: str, title: str, help_text: str, example: str) -> None:
        def typed(event: Any) -> None:
            self._said[name] = str(event.args).strip()

        with Tag("div", classes="form-field"):
            Tag("label", title, classes="field-name", for_=f"bucket-{name}")
            field = Tag("input", id_=f"bucket-{name}", type_="text", autocomplete="off", maxlength=2048)
            field.set(placeholder=example, spellcheck="false", aria_describedby=f"bucket-help-{name}")
            field.when("input", typed, VALUE)
            Tag("span", help_text, classes="help", id_=f"bucket-help-{name}")

    async def _fetch(self) -> None:
        self._trouble.clear()
        self._button.set(disabled="")
        self._state.say("Fetching…")
        try:
            upload = await self._client.fetch_upload(self._said["url"], self._said["version"] or None)
        except PipelineError as error:
            with self._trouble:
                problem(error, title="It was not fetched")
            return
        finally:
            self._state.say("")
            self._button.set(disabled=None)
        await self._fetched(upload)
