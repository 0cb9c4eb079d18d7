"""manage.py translations: bring locale/en up to date with the pages, or say what is missing."""

from typing import Any

import polib
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import messages


class Command(BaseCommand):
    help = (
        "Selaraskan locale/en dengan halaman: tambah yang baru, buang yang tak dipakai, sebut yang belum diterjemahkan."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="hanya memeriksa; gagal bila ada yang kurang")

    def handle(self, *args: Any, **options: Any) -> None:
        found, po = messages.wanted(), messages.catalogue()
        known = messages.entries(po)
        missing = [one for one in found if one not in known]
        unused = [entry for one, entry in known.items() if one not in found]
        if not options["check"]:
            for context, singular, plural in missing:
                forms = {0: "", 1: ""} if plural else {}
                po.append(
                    polib.POEntry(msgctxt=context or None, msgid=singular, msgid_plural=plural, msgstr_plural=forms)
                )
            for entry in unused:
                po.remove(entry)
            for one, entry in messages.entries(po).items():
                entry.occurrences = [(file, "") for file in sorted(found[one])]
            po.sort(key=lambda entry: (entry.occurrences, entry.msgid))
            po.save()
            self.stdout.write(f"{len(missing)} baru, {len(unused)} dibuang")
        untranslated = [one for one, entry in messages.entries(po).items() if not messages.is_translated(entry)]
        for _context, singular, _plural in [*(missing if options["check"] else []), *untranslated]:
            self.stdout.write(f"belum diterjemahkan: {singular}")
        if options["check"] and (missing or unused or untranslated):
            raise CommandError("locale/en belum selaras: jalankan `manage.py translations`, lalu isi terjemahannya.")
