"""The table of a run, from its JSON: what docs/performance.md shows."""

from typing import Any

from bench.result import from_json, table


def of(document: dict[str, Any]) -> str:
    """Markdown: when and where, the table, and how far the machine was shared."""
    where = document["machine"]
    lines = [
        f"{document['at']}, {where['cores']} cores ({where['processor']}), {where['memory_gb']} GB, "
        f"Python {where['python']}, {document['seconds']:.0f} s in all"
        + (", --quick: figures mean nothing" if document["quick"] else ""),
        "",
    ]
    if document["figures"]:
        lines += [table([from_json(one) for one in document["figures"]]), ""]
    lines += profile_lines(document["measures"].get("profile", {}).get("lines", []))
    shared = {name: note["others_used_of_cpu"] for name, note in document["measures"].items()}
    parts = ", ".join(f"{name} {part:.0%}" for name, part in shared.items())
    lines.append(f"Used by other programs meanwhile: {parts}")
    return "\n".join(lines)


def profile_lines(rows: list[dict[str, Any]]) -> list[str]:
    """The table of where the milliseconds of a confirm go."""
    if not rows:
        return []
    head = ["| where | ms | share |", "| --- | --- | --- |"]
    return [*head, *(f"| {row['where']} | {row['ms']:.2f} | {row['share']:.0%} |" for row in rows), ""]
