"""The longest times that settings may state: what is longer is as good as never, and no clock or timer counts it."""

from __future__ import annotations

from typing import Final

YEAR_SECONDS: Final = 366 * 86_400
YEAR_MINUTES: Final = 366 * 1440
YEAR_HOURS: Final = 366 * 24
#: Of what is kept; a hundred years.
CENTURY_DAYS: Final = 36_500
