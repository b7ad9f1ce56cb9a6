"""What the trainer would make of the pairs of a sheet, before there is a job: what it would refuse or cut."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training_pipeline.backends.plan import Plan
from training_pipeline.backends.rehearsal import Rehearsal, Rehearsing
from training_pipeline.backends.submission import Submission
from training_pipeline.datasets.judged import texts
from training_pipeline.datasets.verdicts import verdicts
from training_pipeline.domain.manifest import text_bytes
from training_pipeline.domain.revocations import NOTHING, Withdrawn
from training_pipeline.domain.rules.examples.rendering import rendered
from training_pipeline.domain.rules.examples.tool_definitions import with_tools
from training_pipeline.domain.rules.policy import GatePolicy
from training_pipeline.infra.staging import disk_errors
from training_pipeline.sheets.base import OpenSheet

_MANIFEST: Final = pa.schema({"pair_id": pa.string(), "split": pa.string()})
_LINES: Final = 8192


def included_ids(opened: OpenSheet, policy: GatePolicy, withdrawn: Withdrawn = NOTHING) -> pa.ChunkedArray:
    """The ids of the pairs that pass both gates, in an order that makes the first of them a sample. Reads only."""
    with verdicts(opened, policy, withdrawn=withdrawn) as table, disk_errors("measure the pairs"):
        kept = table.filter(table.reason.isnull())
        return kept.select("pair_id").order_by(kept.pair_id.hexdigest("sha256")).to_pyarrow()["pair_id"]


def rehearse_pairs(
    opened: OpenSheet, policy: GatePolicy, backend: Rehearsing, plan: Plan, ids: pa.ChunkedArray
) -> Rehearsal:
    """What the trainer would make of these pairs, at least two, which pass the gates. Trains nothing.

    It reads their text from a directory that is gone afterwards. Which split a pair would be in is not known yet: the
    least id stands for the validation split.
    """
    wanted = ibis.memtable(pa.table({"wanted_id": ids}))
    with tempfile.TemporaryDirectory(prefix="training-pipeline-") as directory:
        submission = Submission(
            job_id="rehearsal",
            attempt=1,
            model_name="rehearsal",
            base_model=plan.base_model,
            config=plan.config,
            train_file=Path(directory) / "train.jsonl",
            validation_file=Path(directory) / "validation.jsonl",
            manifest_file=Path(directory) / "manifest.parquet",
            dataset_digest="",
        )
        with texts(opened, policy) as read, disk_errors("read the pairs"):
            said = read.semi_join(wanted, read.pair_id == wanted.wanted_id)
            lines = said.select("pair_id", line=with_tools(rendered(said.messages), said.tools) + "\n")
            with (
                submission.train_file.open("wb") as train,
                submission.validation_file.open("wb") as validation,
                pq.ParquetWriter(submission.manifest_file, _MANIFEST) as manifest,
            ):
                files = {"validation": validation, "train": train}
                for batch in lines.order_by("pair_id").to_pyarrow_batches(chunk_size=_LINES):
                    first = 0 if validation.tell() else 1
                    for split, part in (("validation", batch.slice(0, first)), ("train", batch.slice(first))):
                        files[split].write(text_bytes(part.column("line")))
                        splits = pa.repeat(split, len(part))
                        rows = [pc.cast(part.column("pair_id"), pa.string()), splits]
                        manifest.write_batch(pa.record_batch(rows, schema=_MANIFEST))
        return backend.rehearse(submission)
