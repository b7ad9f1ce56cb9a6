"""Which 403 it is: Databricks answers it for a grant that is missing, for its own token, for an address, and proxies do
for whatever they do not like. Each needs somebody else to mend it.

Told by the words of the message, for the codes do not tell (of a token and of an address it is the number 403). A
message that says nothing we know is taken for a missing grant, and shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

#: What renews credentials, wherever they are refused.
RENEW: Final = (
    "Renew them where the SDK finds them (DATABRICKS_TOKEN, a profile, `databricks auth login`) and restart the "
    "processes if they are environment variables"
)
_ADDRESS: Final = re.compile(r"\bIP (?:ACL|access list)|source IP\b|network polic", re.IGNORECASE)
_TOKEN: Final = re.compile(
    r"(?:invalid|expired|revoked|disabled|unknown) (?:access )?token|token (?:is |has |was )?(?:been )?"
    r"(?:invalid|expir\w+|revoked|disabled|not valid)|(?:personal access )?tokens? are disabled",
    re.IGNORECASE,
)
_PRIVATE_LINK: Final = re.compile(r"private ?link|private service connect", re.IGNORECASE)
_PAGE: Final = re.compile(r"<(?:!doctype|html|head|title)\b|^unable to parse response", re.IGNORECASE)
#: The code that the SDK (0.156) makes of the reason of an answer without JSON.
_NO_JSON: Final = "FORBIDDEN"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What refused us, as words behind "does not let us ... (403): ", and who can mend it."""

    kind: str  # grant, token, address, network or page
    words: str
    hint: str


def refusal(message: str, code: str | int | None, *, grant: str) -> Refusal:
    """What a 403 with this message and error code means; `grant` is what the call takes."""
    if _ADDRESS.search(message):
        return Refusal(
            "address",
            f"the address of this machine is not allowed: {message}",
            "Let an administrator add the address to the workspace's IP access list, or run this where it is allowed",
        )
    if _PRIVATE_LINK.search(message):
        return Refusal("network", message, "Run this in a network that reaches the workspace by its private link")
    if _TOKEN.search(message):
        return Refusal("token", f"our token is not accepted: {message}", RENEW)
    if _PAGE.search(message) or code == _NO_JSON:
        page = "" if _PAGE.search(message) else f" ({message.rstrip('.')})"
        return Refusal(
            "page",
            f"the answer is a page and not Databricks' own{page}",
            "A proxy, a firewall or a login stands before the workspace: check DATABRICKS_HOST and what lies between",
        )
    return Refusal("grant", message, grant or "Grant what is missing")
