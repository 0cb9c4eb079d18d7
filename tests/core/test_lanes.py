"""Who goes the short lane, and that nothing of the staff can stand in it."""

import pytest
from django.contrib.auth import get_user
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLResolver, get_resolver, path

from accounts.access import staff_required
from core import lanes
from tests.factories.reference import load_reference
from tests.registration.people import make_account, sign_in_citizen
from tests.staff import make_staff, sign_in_staff


def _addresses():
    """Every address as written in urls.py, those of Django's admin and of allauth too, with its view."""

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern).lstrip("^")
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield f"/{route}", pattern.callback

    return list(walk(get_resolver().url_patterns, ""))


def test_only_pages_of_citizens_stand_in_the_short_lane():
    inside = {address: view for address, view in _addresses() if address.startswith(lanes.SHORT)}
    outside = {address for address, _view in _addresses()} - set(inside)
    assert len(inside) > 20
    assert all(hasattr(view, "citizen_required") and not hasattr(view, "capabilities") for view in inside.values())
    for prefix in ("/petugas/", "/dinkes/", "/admin/", "/keluarga/", "/masuk/"):
        assert any(address.startswith(prefix) for address in outside), prefix


@staff_required("desk.check_in")
def misplaced(_request):
    return HttpResponse("rahasia")


urlpatterns = [path("janji/salah/", misplaced)]


@pytest.mark.urls(__name__)
@pytest.mark.django_db
def test_a_page_of_staff_in_the_lane_by_mistake_fails_and_does_not_open():
    with pytest.raises(AttributeError):
        Client().get("/janji/salah/")
    with pytest.raises(AttributeError):
        sign_in_citizen(Client(), make_account()).get("/janji/salah/")


def _has(answer):
    return [name for name in ("user", "session", "htmx", "_messages") if hasattr(answer.wsgi_request, name)]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/janji/", "/en/janji/"])
def test_a_citizen_who_books_goes_the_short_lane(address):
    load_reference()
    answer = sign_in_citizen(Client(), make_account()).get(address)
    assert (answer.status_code, _has(answer)) == (200, [])
    assert answer.headers["X-Frame-Options"] == "DENY" and "Content-Security-Policy" in answer.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/", "/petugas/masuk/", "/admin/", "/keluarga/", "/en/keluarga/", "//janji/", "/x/janji/"]
)
def test_everything_else_goes_the_whole_way(client, address):
    load_reference()
    assert _has(client.get(address)) == ["user", "session", "htmx", "_messages"]


@pytest.mark.django_db
def test_staff_are_known_on_pages_of_citizens_too():
    client = sign_in_staff(Client(), user := make_staff("admin_dinkes", city=True))
    assert get_user(client.get("/janji/").wsgi_request) == user


@pytest.mark.django_db
def test_what_the_page_before_had_to_tell_is_told_once():
    load_reference()
    request, answer = RequestFactory().get("/keluarga/"), HttpResponse()
    storage = CookieStorage(request)
    storage.add(20, "Sari ditambahkan ke keluarga Anda.")
    storage.update(answer)
    client = sign_in_citizen(Client(), make_account())
    client.cookies["messages"] = answer.cookies["messages"].value
    assert "Sari ditambahkan" in client.get("/janji/").content.decode()
    again = client.get("/janji/")
    assert "Sari ditambahkan" not in again.content.decode()


def test_a_beginning_without_an_end_does_not_start(monkeypatch):
    monkeypatch.setattr(lanes, "_ends", [])
    with pytest.raises(ImproperlyConfigured):
        lanes.StaffMiddlewareBegins(lambda _request: HttpResponse())
