"""English is one tap away on every public page, so every word of them has a translation."""

import re

from portal import messages

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")


def test_every_word_of_the_pages_has_an_english_translation():
    known = messages.entries(messages.catalogue())
    missing = [
        f"{message[1]!r} in {', '.join(sorted(files))}"
        for message, files in messages.wanted().items()
        if message not in known or not messages.is_translated(known[message])
    ]
    assert not missing, "run `manage.py translations`, then translate:\n" + "\n".join(missing)


def test_translations_keep_the_placeholders():
    for message, entry in messages.entries(messages.catalogue()).items():
        wanted = set(PLACEHOLDER.findall(message[1]))
        for text in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert set(PLACEHOLDER.findall(text)) == wanted, f"{message[1]!r} became {text!r}"


def test_finding_messages_sees_templates_and_code(tmp_path, settings):
    settings.BASE_DIR = tmp_path
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text(
        '{% load i18n %}{% translate "Satu" %}{% blocktranslate count n=2 %}{{ n }} hari{% plural %}{{ n }} hari2'
        '{% endblocktranslate %}{{ x|default:_("Dua") }}'
    )
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "b.py").write_text('label = _("Tiga" " kata")\nother = ngettext("%d a", "%d b", n)\n')
    found = {message for message, _file in messages.in_templates(tmp_path / "templates")}
    found |= {message for message, _file in messages.in_code(tmp_path, ["app"])}
    assert found == {
        ("", "Satu", ""),
        ("", "%(n)s hari", "%(n)s hari2"),
        ("", "Dua", ""),
        ("", "Tiga kata", ""),
        ("", "%d a", "%d b"),
    }
