"""Pages that were sent and that no browser has connected to: each takes about a megabyte here until it does.

NiceGUI keeps such a page for a minute. Whoever asks for pages and never connects, such as a script, would so fill the
memory of the server, however few requests a second it may send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

#: So many wait for their browser, however long that takes.
MOST: Final = 200
#: Of more than that, those that have waited for longer are given up. A browser connects within a second or two.
SECONDS: Final = 5.0


class Page(Protocol):
    """A page on the server."""

    @property
    def has_socket_connection(self) -> bool:
        """Whether a browser is connected to it."""
        ...


class Pages(Protocol):
    """All pages: NiceGUI's class `Client`."""

    @property
    def instances(self) -> Mapping[str, Page]:
        """Every page, by its id."""
        ...

    def prune_instances(self, *, client_age_threshold: float) -> None:
        """Delete the pages that nobody is connected to and that are this old, in seconds."""
        ...


def make_room(pages: Pages, *, most: int = MOST) -> None:
    """Have the oldest of the waiting pages deleted where there are more than `most`. Called before a page is made."""
    if sum(not page.has_socket_connection for page in list(pages.instances.values())) > most:
        pages.prune_instances(client_age_threshold=SECONDS)
