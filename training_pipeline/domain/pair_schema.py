"""The schema of a training sheet's Q&A pairs.

A source (`sheets/`) presents the pairs of a sheet as an Ibis table with exactly the columns of `PAIR_SCHEMA`, whatever
the engine behind it. The rules (`rules/gates.py`) know nothing else.
"""

from __future__ import annotations

from typing import Final

import ibis

from training_pipeline.domain.pair_types import PAIR_TYPES

#: The columns of a sheet's pairs, as every source presents them: see `PAIR_TYPES`.
PAIR_SCHEMA: Final = ibis.schema(PAIR_TYPES)
