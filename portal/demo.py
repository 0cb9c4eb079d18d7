"""Example news for a trial installation."""

from portal.models import NewsItem

NEWS = (
    {
        "title": "Booster kedua untuk semua usia 18 tahun ke atas",
        "body": "Enam bulan setelah booster pertama, Anda dapat memesan booster kedua di semua puskesmas. "
        "Bawa KTP; kartu vaksin kertas tidak wajib.",
        "title_en": "Second booster for everyone aged 18 and over",
        "body_en": "Six months after the first booster you can book the second one at every puskesmas. "
        "Bring your identity card; the paper vaccination card is not required.",
    },
    {
        "title": "Imunisasi anak bisa dipesan dari rumah",
        "body": "Daftarkan anak dengan NIK dari KK atau KIA. Bayi yang belum punya NIK dicatat dengan data ibunya.",
        "title_en": "Child immunisation can be booked from home",
        "body_en": "Register your child with the NIK on the family card. "
        "A newborn without a NIK is filed under its mother.",
    },
    {
        "title": "Datang langsung tetap dilayani",
        "body": "Sebagian tempat setiap hari disediakan bagi yang datang tanpa memesan. "
        "Sisa tempat daring ikut dibuka pada jam yang tertulis di setiap jadwal.",
        "title_en": "You may still come without a booking",
        "body_en": "Part of the places of each day is kept for people who come without booking. "
        "Places left online are added at the hour written on each schedule.",
    },
)


def ensure_demo_news() -> None:
    """Write the example news once; what an editor changed or removed later stays as it is."""
    if not NewsItem.objects.exists():
        NewsItem.objects.bulk_create(NewsItem(**item) for item in NEWS)
