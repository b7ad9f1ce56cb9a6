"""What was found in a file that is imported or checked, for a terminal and as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from training_pipeline.domain.rules.examples.chat_format import Severity
from training_pipeline.sheets.importing.convert import Conversion

_SHOWN = 20


def found_as_json(conversion: Conversion) -> dict[str, Any]:
    """What the file was taken for, the counts, and every finding."""
    tally, file, unit = conversion.tally, conversion.request.file.name, conversion.source.unit
    findings = [
        {
            "severity": str(one.severity),
            "where": one.where(file, unit),
            "path": one.path,
            "code": one.code,
            "message": one.message,
            "count": one.count,
            "rows": one.rows,
        }
        for one in (*tally.faults, *tally.findings)
    ]
    return {
        "file": str(conversion.request.file),
        "kind": conversion.source.kind,
        "kind_because": conversion.source.why,
        "format": conversion.format.name,
        "format_because": conversion.why,
        "rows": tally.rows,
        "pairs": tally.pairs,
        "sound": tally.sound,
        "columns": {target: list(names) for target, names in conversion.used_sources().items()},
        "unused": dict(tally.unused),
        "left_out": dict(tally.left_out),
        "problems": findings,
    }


def show_found(console: Console, conversion: Conversion, *, limit: int = _SHOWN) -> None:
    """Print what the file was taken for, what was not used, and what is wrong with its rows."""
    tally, file, unit = conversion.tally, conversion.request.file.name, conversion.source.unit
    taken = f"{file}: {conversion.source.kind} ({conversion.source.why})"
    console.print(f"{taken}, read as {conversion.format.title} ({conversion.why}).", highlight=False)
    sources = ", ".join(f"{target} from {' + '.join(names)}" for target, names in conversion.used_sources().items())
    if sources:
        console.print(f"Columns: {sources}.", style="dim", highlight=False)
    console.print(f"{tally.rows:,} {unit}s give {tally.pairs:,} pairs, {tally.sound:,} of them sound in form.")
    for what, count in tally.left_out.items():
        console.print(f"Excluded: {count:,} {what}.", style="yellow")
    if tally.unused:
        listed = ", ".join(f"{name[:60]} ({count:,})" for name, count in tally.unused.most_common(40))
        more = f" and {len(tally.unused) - 40:,} more" if len(tally.unused) > 40 else ""
        console.print(f"Columns not imported: {listed}{more}", style="dim", highlight=False)
    findings = [*tally.faults, *tally.findings]
    if findings:
        table = Table(box=None, header_style="dim")
        for column in ("where", "code", "problem"):
            table.add_column(column, overflow="fold")
        for one in findings[:limit]:
            color = "red" if one.severity is Severity.ERROR else "yellow"
            table.add_row(one.where(file, unit), Text(one.code, color), one.message)
        console.print(table)
    if (more_findings := len(findings) - limit) > 0:
        console.print(f"{more_findings:,} more kinds of problems are not shown.", style="dim")
