"""News is written in the stock admin."""

from django.contrib import admin

from portal.models import NewsItem


@admin.register(NewsItem)
class NewsItemAdmin(admin.ModelAdmin):
    list_display = ["title", "published_at", "expires_at"]
    date_hierarchy = "published_at"
    search_fields = ["title", "body"]
