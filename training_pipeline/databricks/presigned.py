"""Presigned links to a workspace's cloud storage. Who has such a link reads what it names: it is a secret itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


class StorageFailed(Exception):
    """The storage behind a link did not send what lies there. Says why, without the link."""


def fetch(link: str, headers: Mapping[str, str], *, timeout: float | tuple[float, float]) -> bytes:
    """What lies behind a link; raises `StorageFailed`.

    Only the link and its own headers are sent, and only to where it leads: no login of a .netrc, which storage refuses,
    and nothing to an address that an answer names.
    """
    import requests

    try:
        with requests.get(
            link, headers=headers, timeout=timeout, auth=_without_authorization, allow_redirects=False
        ) as answer:
            if answer.status_code == requests.codes.ok:
                return answer.content
            why = f"status {answer.status_code}"
    except (requests.RequestException, OSError, ValueError) as error:
        why = type(error).__name__
    raise StorageFailed(why)  # outside, so that the error it stands for is not its context: it quotes the link


def _without_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Given as `auth`, so that requests adds no login that it finds in a .netrc."""
    request.headers.pop("Authorization", None)
    return request
