"""News on the home page."""

from django.db import models
from django.utils import timezone


class NewsItemQuerySet(models.QuerySet):
    """News by date."""

    def current(self) -> "NewsItemQuerySet":
        """Published and not yet over, newest first."""
        now = timezone.now()
        return self.filter(published_at__lte=now).exclude(expires_at__lte=now).order_by("-published_at")


class NewsItem(models.Model):
    """A short announcement in both languages; plain text, because anybody may read it on anything."""

    title = models.CharField("judul", max_length=120)
    body = models.TextField("isi", max_length=1200)
    title_en = models.CharField("judul (Inggris)", max_length=120, blank=True)
    body_en = models.TextField("isi (Inggris)", max_length=1200, blank=True)
    published_at = models.DateTimeField("terbit", default=timezone.now)
    expires_at = models.DateTimeField("hilang pada", null=True, blank=True)

    objects = NewsItemQuerySet.as_manager()

    class Meta:
        verbose_name = "berita"
        verbose_name_plural = "berita"
        ordering = ["-published_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=models.F("published_at")),
                name="news_ends_after_it_begins",
                violation_error_message="Waktu hilang harus setelah waktu terbit.",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def in_language(self, code: str) -> tuple[str, str]:
        """Title and body; Indonesian where no translation was written."""
        if code.startswith("en") and self.title_en and self.body_en:
            return self.title_en, self.body_en
        return self.title, self.body
