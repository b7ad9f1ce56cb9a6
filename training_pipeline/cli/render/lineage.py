"""The lineage record in a terminal: as a tree from the model down to its sources, and the pairs as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from training_pipeline.cli.render.jobs import go_on
from training_pipeline.domain.lineage import NOT_RECORDED, libraries_in_words

if TYPE_CHECKING:
    from training_pipeline.schemas.lineage import TrainingJobLineage

SHORT = 12
SHA256 = 64


def lineage_record(found: TrainingJobLineage) -> RenderableType:
    """The tree from the model to its sources, with the Dagster records that prove it."""
    version = f"version {found.model_version}" if found.model_version else "not registered"
    root = Tree(_node("model", found.model_name, version))
    root.add(_base_model(found))
    root.add(_recipe(found))
    job = root.add(_node("training job", found.job_id))
    dataset = job.add(_node("dataset", "", found.dataset_digest))
    dataset.add(_node("train", f"{found.train_pairs:,} pairs"))
    dataset.add(_node("validation", f"{found.validation_pairs:,} pairs"))
    gates = dataset.add(
        _node("gates", f"policy {found.gate_policy_version}", f"verdicts {_short(found.snapshot_digest)}")
    )
    gates.add(_node("excluded", f"{found.excluded_pairs:,} pairs"))
    sheet = gates.add(
        _node("training sheet", f"{found.training_sheet_name} ({found.training_sheet_id})", found.training_sheet_digest)
    )
    sheet.add(_node("source sheet", f"{found.sheet_name} ({found.sheet_id})", found.sheet_version))
    sheet.add(_node("prompt template", f"{found.template_name} ({found.template_id})", found.template_version))
    sheet.add(_node("canonical labels", f"{found.canonical_labels:,} used by the included pairs"))
    if found.model_files:
        files = root.add(Text("files", style="dim"))
        for name, digest in sorted(found.model_files.items()):
            files.add(_node("", name, digest))
    proof = root.add(_node("proof", f"{len(found.assets)} materializations in Dagster"))
    for asset in found.assets:
        run = f"run {asset.run_id[:8]}, " if asset.run_id else ""
        proof.add(_node("", asset.asset_key, f"{run}data version {_short(asset.data_version)}"))
    foot = Text("List the pairs with --pairs train, --pairs validation or --pairs excluded.", style="dim")
    return Group(root, foot)


def lineage_pairs(found: TrainingJobLineage) -> RenderableType:
    """A page of pairs: ids and verdicts, never text."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("pair", no_wrap=True)
    for column in ("split or reason", "item", "label", "class", "reviewed by"):
        table.add_column(column, no_wrap=True, overflow="ellipsis")
    for pair in found.pairs:
        side = pair.split or pair.reason or "-"
        cells = (pair.item_ref, pair.canonical_label_id, pair.classification, pair.reviewed_by)
        table.add_row(Text(pair.pair_id or "(invalid)"), side, *(Text(cell or "-") for cell in cells))
    if not found.pairs:
        return Text("No pairs.")
    if found.next_cursor is None:
        return table
    return Group(table, go_on(f"Next page: --cursor {found.next_cursor}"))


def _base_model(found: TrainingJobLineage) -> Tree:
    base = found.base_model
    if base is None:
        return Tree(_node("base model", NOT_RECORDED))
    root = branch = Tree(_node("base model", base.reference, base.revision or base.digest or ""))
    if base.resolved_at is not None:
        branch.add(_node("commit found at", base.resolved_at))
    if base.listing is not None:
        branch.add(_node("names, sizes and times of its files", "", base.listing))
    if base.licence is not None:
        branch.add(_node("licence", base.licence))
    if base.ancestors is None:
        branch.add(_node("which comes from", NOT_RECORDED))
    for origin in base.ancestors or ():
        version = f"version {origin.model_version}" if origin.model_version else "not registered"
        branch = branch.add(_node("which is", origin.model_name, f"{version}, of {origin.job_id}"))
        said = "" if origin.base_recorded else NOT_RECORDED
        branch = branch.add(_node("trained from", origin.base_model, said))
    return root


def _recipe(found: TrainingJobLineage) -> Tree:
    recipe = found.recipe
    if recipe is None:
        return Tree(_node("recipe", NOT_RECORDED if found.model_files is not None else "recorded once it is trained"))
    root = Tree(Text("recipe", style="dim"))
    root.add(_node("chat template", recipe.chat_template_source, recipe.chat_template_sha256))
    root.add(_node("tokenizer", "", recipe.tokenizer_sha256))
    root.add(_node("libraries", libraries_in_words(recipe.libraries)))
    root.add(_node("trained on", recipe.device))
    root.add(_node("first day", recipe.first_day))
    settings = root.add(_node("configuration", "", recipe.configuration_digest))
    for name, value in sorted(recipe.configuration.items()):
        settings.add(_node(name, str(value)))
    return root


def _node(name: str, what: str, more: str = "") -> Text:
    parts: list[str | tuple[str, str]] = [(f"{name}  ", "dim")] if name else []
    parts.append(what)
    if more:
        parts.append((f"{'  ' if what else ''}{_short(more)}", "cyan"))
    return Text.assemble(*parts)


def _short(digest: str) -> str:
    """The beginning of a SHA-256; any other text as it is."""
    return digest[:SHORT] if len(digest) == SHA256 else digest
