"""News of the demo city."""

from portal.models import NewsItem

NEWS = [
    (
        "Booster gratis di seluruh puskesmas",
        "Warga berusia 18 tahun ke atas dapat memesan booster tanpa biaya. Bawa KTP dan tiket, cetak atau di ponsel.",
        "Free boosters at every puskesmas",
        "Everyone aged 18 or over can book a booster at no cost. Bring your identity card and your ticket, printed or "
        "on the phone.",
    ),
    (
        "Imunisasi anak bisa dipesan dari rumah",
        "Orang tua dapat memesan jadwal imunisasi anak lewat akun keluarga. Bawa buku KIA saat datang.",
        "Book your child's immunisation from home",
        "Parents can book routine immunisation for their children through the family account. Bring the KIA book.",
    ),
]


def ensure_demo_news() -> None:
    """Two announcements, once."""
    for title, body, title_en, body_en in NEWS:
        NewsItem.objects.get_or_create(title=title, defaults={"body": body, "title_en": title_en, "body_en": body_en})
