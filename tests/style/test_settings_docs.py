"""Every setting an operator can give is told in the docs with the default it really has, and nothing else is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ("docs/operations.md", "docs/pcare.md")
# Not for operators: tests serve static files without collecting them.
OURS = {"STATICFILES_BACKEND"}


def settings_defaults() -> dict[str, object]:
    """Name of each variable that settings.py reads, and its default outside a trial; None where it is computed."""
    found: dict[str, object] = {}
    for node in ast.walk(ast.parse((ROOT / "victori/settings.py").read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        called = ast.unparse(node.func)
        if called.split(".")[0] in ("env", "_required", "_key"):
            given = {keyword.arg: keyword.value for keyword in node.keywords}.get("default")
            if isinstance(given, ast.IfExp):
                given = given.orelse
            try:
                found[str(node.args[0].value)] = ast.literal_eval(given) if given else None
            except ValueError:
                found[str(node.args[0].value)] = None
    return found


def written(value: object) -> str:
    """A default as the guides write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "empty"
    return f"{value:g}" if isinstance(value, float) else str(value or "empty")


def documented() -> dict[str, str]:
    """Name of each variable in the first column of a table of the guides, and the rest of its row."""
    found: dict[str, str] = {}
    for guide in GUIDES:
        for line in (ROOT / guide).read_text().splitlines():
            names, _, rest = line.removeprefix("| ").partition(" | ")
            if line.startswith("| `"):
                found |= dict.fromkeys(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", names), rest)
    return found


@pytest.mark.parametrize(("name", "default"), sorted(settings_defaults().items()))
def test_a_setting_is_told_with_its_default(name: str, default: object) -> None:
    if name in OURS:
        return
    told = documented()
    assert name in told or f"`{name}`" in "".join(told.values()), "not in a table of the guides"
    cell, _, meaning = told.get(name, "").partition(" | ")
    if default is not None and meaning:  # else a table without defaults: what production must be given
        found = re.search(rf"(?<![\w.]){re.escape(written(default))}(?![\w.]\w)", cell)
        assert found, f"{written(default)!r} is not in {cell!r}"


def test_no_setting_is_told_that_nobody_reads() -> None:
    code = "".join(
        path.read_text()
        for folder in ("victori", "certificates", "pcare_bridge", "deploy", "docker-compose.yml")
        for path in ([ROOT / folder] if folder.endswith(".yml") else sorted((ROOT / folder).rglob("*")))
        if path.suffix in (".py", ".yml", ".template")
    )
    assert [name for name in documented() if name not in code] == []
