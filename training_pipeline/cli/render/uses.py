"""Who learned from a row, in a terminal: the models first, then sheet by sheet what each dataset did with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from training_pipeline.cli.render.lineage import SHORT
from training_pipeline.domain.uses import WORDS

if TYPE_CHECKING:
    from training_pipeline.schemas.uses import Copies, DatasetUse, InUse, SheetUses, Uses


def uses_of(found: Uses) -> RenderableType:
    """The whole answer."""
    asked = f"{WORDS[found.kind]} {found.value}"
    parts: list[RenderableType] = [_models(found, asked)]
    parts += [_sheet(sheet) for sheet in found.sheets]
    if found.lost_manifests:
        lost = ", ".join(found.lost_manifests)
        parts.append(Text(f"These manifests are gone; the index alone vouches for their datasets: {lost}", "yellow"))
    if found.without_questions:
        count = f"{found.without_questions:,} datasets have manifests without hashes of questions"
        parts.append(Text(f"{count}: a search by question does not find them.", "yellow"))
    for one in found.not_searched:
        said = f"Not searched: training sheet {one.training_sheet_id} ({one.hash_key}): {one.why}."
        parts.append(Text(said, "yellow"))
    return Group(*parts)


def places(found: InUse) -> str:
    """The aliases and endpoints of a model version, in a line."""
    return ", ".join([*found.aliases, *found.endpoints]) or "-"


def _models(found: Uses, asked: str) -> RenderableType:
    if not found.model_versions:
        searched = ", as far as could be searched" if found.not_searched else ""
        return Text(f"No model learned from the {asked}{searched}.")
    table = Table(box=None, pad_edge=False, header_style="dim", title=f"Learned from the {asked}", title_justify="left")
    for column in ("model", "version", "training job", "through", "in use"):
        table.add_column(column, overflow="fold")
    for model in found.model_versions:
        through = " → ".join(model.through) or "its own training"
        table.add_row(
            Text(model.model_name), model.model_version or "artifact", model.job_id, through, Text(places(model.in_use))
        )
    return table


def _sheet(sheet: SheetUses) -> RenderableType:
    rows = f", {sheet.row_count:,} {'row' if sheet.row_count == 1 else 'rows'}" if sheet.row_count else ""
    root = Tree(Text.assemble(("training sheet  ", "dim"), sheet.training_sheet_id, rows))
    for row in sheet.rows[:5]:
        where = ", ".join(filter(None, [row.item_ref, row.canonical_label_id]))
        root.add(Text.assemble(("pair  ", "dim"), row.pair_id or "(invalid)", (f"  {where}", "dim")))
    if sheet.row_count > len(sheet.rows[:5]):
        root.add(Text(f"and {sheet.row_count - len(sheet.rows[:5]):,} more", style="dim"))
    for dataset in sheet.datasets:
        branch = root.add(
            Text.assemble(("dataset  ", "dim"), (dataset.digest[:SHORT], "cyan"), f"  {_verdicts(dataset)}")
        )
        for job in dataset.jobs:
            version = f", version {job.model_version}" if job.model_version else ""
            status = job.status if job.submitted else f"{job.status}, never submitted"
            branch.add(Text(f"{job.job_id}  {status}  {job.model_name}{version}"))
    return root


def _verdicts(dataset: DatasetUse) -> str:
    counts = {"train": dataset.train, "validation": dataset.validation}
    parts = [f"{count:,} in {split}" for split, count in counts.items() if count]
    parts += [f"{count:,} refused: {reason}" for reason, count in dataset.refused.items()]
    copies = dataset.copies
    if copies.train or copies.validation:
        where = ", ".join(f"{count:,} in {side}" for side, count in _sides(copies) if count)
        parts.append(f"learned through {', '.join(copies.pair_ids) or 'copies'} ({where})")
    return ", ".join(parts)


def _sides(copies: Copies) -> tuple[tuple[str, int], ...]:
    return ("train", copies.train), ("validation", copies.validation)
