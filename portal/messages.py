"""Which words the public pages ask to be translated, found without the gettext tools."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.conf import settings
from django.utils.translation.template import templatize

CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
LITERAL = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_TEMPLATE = re.compile(rf"\b(n?p?gettext|_)\(\s*{LITERAL}(?:\s*,\s*{LITERAL})?(?:\s*,\s*{LITERAL})?", re.DOTALL)


class Message(tuple):
    """(context, singular, plural); the last is empty for a message without a plural."""

    __slots__ = ()


def in_templates(folder: Path) -> Iterator[tuple[Message, str]]:
    """Messages of all templates under `folder`, with the file they stand in."""
    for file in sorted(folder.rglob("*.html")):
        name = str(file.relative_to(settings.BASE_DIR))
        for match in IN_TEMPLATE.finditer(templatize(file.read_text(encoding="utf-8"), origin=name)):
            texts = [ast.literal_eval(text) for text in match.groups()[1:] if text]
            yield _message(match[1], texts), name


def in_code(root: Path, apps: list[str]) -> Iterator[tuple[Message, str]]:
    """Messages of the Python files of the project's own apps."""
    for app in apps:
        for file in sorted((root / app).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called not in CALLS:
                    continue
                texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                if texts:
                    yield _message(called.removesuffix("_lazy"), texts), str(file.relative_to(root))


def _message(called: str, texts: list[str]) -> Message:
    if called.startswith("p"):
        return Message((texts[0], texts[1], ""))
    if called.startswith("n"):
        return Message(("", texts[0], texts[1]))
    return Message(("", texts[0], ""))


def wanted() -> dict[Message, set[str]]:
    """Every message of the project and the files that use it."""
    root = Path(settings.BASE_DIR)
    found: dict[Message, set[str]] = {}
    for message, file in [*in_templates(root / "templates"), *in_code(root, settings.LOCAL_APPS)]:
        found.setdefault(message, set()).add(file)
    return found


def catalogue(language: str = "en") -> polib.POFile:
    """The translations of one language as they stand in the repository."""
    return polib.pofile(str(Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po"))


def entries(po: polib.POFile) -> dict[Message, polib.POEntry]:
    """The catalogue by message."""
    return {Message((one.msgctxt or "", one.msgid, one.msgid_plural or "")): one for one in po if not one.obsolete}


def is_translated(entry: polib.POEntry) -> bool:
    """All forms are filled and none is marked as a guess."""
    texts = entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]
    return bool(texts) and all(texts) and "fuzzy" not in entry.flags
