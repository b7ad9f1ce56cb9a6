from __future__ import annotations

import inspect
import time
from dataclasses import dataclass, field

import pytest
from nicegui import Client

from training_pipeline.web.waiting_pages import MOST, SECONDS, make_room


@dataclass
class Page:
    has_socket_connection: bool
    created: float


@dataclass
class Pages:
    """Prunes as NiceGUI does."""

    instances: dict[str, Page] = field(default_factory=dict)

    def prune_instances(self, *, client_age_threshold: float) -> None:
        old = time.time() - client_age_threshold
        kept = {name: page for name, page in self.instances.items() if page.has_socket_connection or page.created > old}
        self.instances = kept


@pytest.mark.parametrize(("waiting", "left"), [(MOST, MOST), (MOST + 1, 0)])
def test_only_so_many_wait_and_no_open_page_is_touched(waiting: int, left: int) -> None:
    pages, now = Pages(), time.time()
    pages.instances |= {f"open {n}": Page(has_socket_connection=True, created=0.0) for n in range(3)}
    pages.instances |= {f"new {n}": Page(has_socket_connection=False, created=now) for n in range(min(waiting, 2))}
    old = now - SECONDS - 1
    pages.instances |= {f"old {n}": Page(has_socket_connection=False, created=old) for n in range(waiting - 2)}
    make_room(pages)
    assert len(pages.instances) == 3 + (left or 2)


def test_nicegui_has_what_is_asked_of_it() -> None:
    assert isinstance(Client.instances, dict)
    assert isinstance(inspect.getattr_static(Client, "has_socket_connection"), property)
    assert "client_age_threshold" in inspect.signature(Client.prune_instances).parameters
