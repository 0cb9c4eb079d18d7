"""Tags of the page shell: menus and the language switch. They work without a request (snapshots)."""

from typing import Any

from django import template
from django.conf import settings
from django.template.context import Context
from django.urls import reverse

from portal import navigation

register = template.Library()


def _path(context: Context) -> str:
    request = context.get("request")
    return str(request.get_full_path() if request is not None else context.get("page_path", "/"))


@register.simple_tag(takes_context=True)
def public_menu(context: Context) -> list[navigation.Entry]:
    """Main menu of public and citizen pages."""
    return navigation.entries(navigation.PUBLIC, _path(context))


@register.simple_tag(takes_context=True)
def public_section(context: Context) -> str:
    """The entry of the main menu that this page belongs to; with the language, all that the menu depends on."""
    return navigation.section(navigation.PUBLIC, _path(context))


@register.simple_tag
def footer_menu() -> list[navigation.Entry]:
    """Links at the foot of every public page."""
    return navigation.entries(navigation.FOOTER, "")


@register.simple_tag(takes_context=True)
def citizen_section(context: Context) -> str:
    """The entry of the second menu that this page of a signed-in citizen belongs to, "/" for none of them.

    Empty elsewhere, so that public pages stay free of cookies.
    """
    request = context.get("request")
    path = _path(context)
    if request is None or not navigation.in_citizen_section(path) or not getattr(request, "citizen_account", None):
        return ""
    return navigation.section(navigation.CITIZEN, path) or "/"


@register.simple_tag(takes_context=True)
def citizen_menu(context: Context) -> list[navigation.Entry]:
    """Second menu, for a signed-in citizen."""
    return navigation.entries(navigation.CITIZEN, _path(context))


@register.simple_tag(takes_context=True)
def other_language(context: Context) -> dict[str, str] | None:
    """`{url, code, name}` of this page in the other language."""
    return navigation.other_language(_path(context))


@register.simple_tag
def page(path: str) -> str:
    """A path of the portal in the active language: `{% page "/jadwal/" %}`."""
    return navigation.localized(path)


@register.simple_tag
def home_path() -> str:
    """Home page in the active language."""
    return navigation.localized("/")


@register.simple_tag(takes_context=True)
def staff_menu(context: Context) -> list[navigation.Entry]:
    """Menu of the desk and the health office; empty until the person has signed in."""
    request = context.get("request")
    if request is None or not request.user.is_authenticated:
        return []
    return navigation.staff_entries(request.user, request.path)


@register.simple_tag
def staff_home() -> str:
    """Where a member of staff begins the day."""
    return "/petugas/"


@register.simple_tag
def staff_logout() -> str:
    """Where the sign-out button of the staff shell posts to."""
    return reverse("account_logout")


@register.simple_tag
def demo_mode() -> bool:
    """True on a trial installation with invented people."""
    return bool(getattr(settings, "DEMO", False))


@register.filter
def in_language(item: Any, code: str) -> tuple[str, str]:
    """Title and body of a news item in one language."""
    title, body = item.in_language(code)
    return title, body


@register.simple_tag
def page_range(page_obj: Any) -> str:
    """`21-40 dari 312` in Indonesian number style, for lists cut into pages."""
    from core.templatetags.siap import angka

    return f"{angka(page_obj.start_index())}–{angka(page_obj.end_index())}"
