"""The pages of a list whose filters stand in the URL, as links."""

from __future__ import annotations

from collections.abc import Callable

from training_pipeline.web.elements import Tag, link


def pager(what: str, page: int, size: int, total: int, address: Callable[[int], str]) -> None:
    """Says which of all rows are shown, and leads to the pages beside; nothing where one page holds all.

    `address` is where a page is.
    """
    if total <= size:
        return
    first, last = (page - 1) * size + 1, min(page * size, total)
    with Tag("nav", classes="pager", aria_label=f"Pages of {what}"):
        if page > 1:
            link("Previous", address(page - 1), classes="button small")
        Tag("span", f"{first:,} to {last:,} of {total:,}", classes="muted")
        if last < total:
            link("Next", address(page + 1), classes="button small")
