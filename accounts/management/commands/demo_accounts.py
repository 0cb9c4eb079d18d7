"""manage.py demo_accounts: who may sign in to the demo, and how to pass the second factor."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import demo


class Command(BaseCommand):
    help = "Daftar akun percobaan dan cara melewati faktor kedua."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Akun percobaan hanya ada di mode percobaan (DEMO=1).")
        base = settings.PUBLIC_BASE_URL
        self.stdout.write(f"Warga    : {base}/masuk/ dengan nomor 08… apa saja; kodenya tampil di {base}/demo/pesan/")
        self.stdout.write(f"Petugas  : {base}/petugas/masuk/, kata sandi {demo.PASSWORD}")
        self.stdout.write(f"           kode faktor kedua (berganti tiap 30 detik): {base}/demo/akun/")
        for account in demo.ACCOUNTS:
            self.stdout.write(f"  {account.username:<11}{account.does} ({account.home})")
