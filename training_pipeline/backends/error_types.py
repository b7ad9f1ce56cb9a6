"""What runs that failed say of why, where somebody else acts on it. Supervisors import it: nothing heavy."""

from __future__ import annotations

from typing import Final

#: It asked for its questions, and got none in time.
UNANSWERED: Final = "Unanswered"
