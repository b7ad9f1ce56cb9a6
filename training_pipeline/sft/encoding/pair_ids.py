"""Which pairs the lines of a dataset file are, so that an error can name them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

#: Pairs that an error names before it only counts.
NAMED: Final = 10
_SHOWN: Final = 100


def pair_ids(manifest: Path | None, split: str) -> Iterator[str]:
    """The ids of the pairs in the file of `split`, in the order of its lines; stops where there is no manifest. Reads.

    `manifest` is Parquet with the columns `pair_id` and `split`, its rows in the order of the lines of both files. One
    that cannot be read names no pair: it is not worth a training.
    """
    if manifest is None:
        return
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(manifest) as file:
            for batch in file.iter_batches(columns=["pair_id", "split"]):
                there = pc.fill_null(pc.equal(batch.column("split"), split), fill_value=False)
                yield from batch.filter(there).column("pair_id").to_pylist()
    except (OSError, pa.ArrowException, KeyError):
        return


def listed(ids: Sequence[str], count: int) -> str:
    """`ids` in words, and how many more there are of `count`."""
    shown = ", ".join(quoted(pair_id) for pair_id in ids[:NAMED])
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{'pair' if count == 1 else 'pairs'} {shown}{more}"


def quoted(pair_id: str) -> str:
    """A pair id as errors show it: in quotes, at most a line of it."""
    shown = pair_id if len(pair_id) <= _SHOWN else f"{pair_id[:_SHOWN]}…"
    return repr(shown)
