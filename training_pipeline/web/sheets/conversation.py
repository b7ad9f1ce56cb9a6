"""What a pair says, as a conversation in plain text: no text of a pair is ever HTML or Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from training_pipeline.domain.errors import PipelineError
from training_pipeline.schemas.sheet_contents import SheetMessage
from training_pipeline.web.client import PageClient
from training_pipeline.web.elements import Tag, button
from training_pipeline.web.layout import problem


class ConversationDialog:
    """One dialog for every pair of the page."""

    def __init__(self, client: PageClient, sheet_id: str) -> None:
        self._client = client
        self._sheet_id = sheet_id
        self._dialog = Tag("dialog", classes="dialog wide", aria_labelledby="conversation-title")
        with self._dialog:
            self._title = Tag("h2", "", id_="conversation-title")
            self._place = Tag("div", classes="conversation", tabindex="0", role="region", aria_label="Conversation")
            with Tag("div", classes="dialog-actions"):
                button("Close").when("click", self._close)

    async def show(self, pair_id: str) -> None:
        """Open the dialog with what the pair says, or with why the caller may not read it."""
        self._title.say(f"Pair {pair_id}")
        self._place.clear()
        with self._place:
            Tag("p", "Reading…", classes="muted", role="status")
        ui.run_javascript(f"TrainPage.openDialog('{self._dialog.html_id}')")
        try:
            found = await self._client.pair_conversations(self._sheet_id, pair_id)
        except PipelineError as error:
            self._place.clear()
            with self._place:
                problem(error, title="It cannot be read")
            return
        self._place.clear()
        with self._place:
            for one in found.conversations:
                if not one.messages:
                    Tag("p", "It has no messages.", classes="muted")
                show_messages(one.messages)
                if one.tools:
                    with Tag("details"):
                        Tag("summary", f"Tools that may be called ({len(one.tools)})")
                        Tag("pre", _pretty(one.tools), classes="json")

    def _close(self) -> None:
        ui.run_javascript(f"TrainPage.closeDialog('{self._dialog.html_id}')")


def show_messages(messages: Sequence[SheetMessage]) -> None:
    """Each message with who says it, its text, and the tools that it calls."""
    with Tag("div", classes="example"):
        for message in messages:
            _message(message)


def message_of(fields: Mapping[str, Any]) -> SheetMessage:
    """A message of a line of training data."""
    nothing = dict.fromkeys(("role", "content", "name", "weight", "tool_call_id"))
    return SheetMessage.model_validate({**nothing, "tool_calls": [], **fields})


def _message(message: SheetMessage) -> None:
    role = message.role or "no role"
    known = role if role in {"system", "user", "assistant", "tool"} else "other"
    with Tag("div", classes=f"says says-{known}"):
        with Tag("span", classes="says-who"):
            Tag("span", f"{role} {message.name}" if message.name else role)
            if message.tool_call_id:
                Tag("span", f"answers {message.tool_call_id}", classes="sub mono")
            if message.weight == 0:
                Tag("span", "not trained on", classes="sub")
        with Tag("span", classes="says-what"):
            if message.content is None and not message.tool_calls:
                Tag("span", "no text", classes="muted")
            Tag("span", message.content or "")
            for call in message.tool_calls:
                _call(call)


def _call(call: Mapping[str, Any]) -> None:
    named = call.get("function")
    function: Mapping[str, Any] = named if isinstance(named, Mapping) else {}
    with Tag("span", classes="call"):
        Tag("span", f"calls {function.get('name', 'a tool')}", classes="strong")
        if call.get("id"):
            Tag("span", f" {call['id']}", classes="muted mono")
        Tag("pre", _arguments(function.get("arguments", call)), classes="json")


def _arguments(found: object) -> str:
    """Arguments as indented JSON; what is none, as it is."""
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except ValueError:
            return str(found)
    return _pretty(found)


def _pretty(found: object) -> str:
    return json.dumps(found, ensure_ascii=False, indent=2)
