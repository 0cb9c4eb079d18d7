"""What is drawn once for many depends on nothing but what it names, so it can be nobody's."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.utils.translation import override


class Day:
    """Something many people look at; counts how often its text was asked for."""

    def __init__(self, text):
        self.text, self.asked = text, 0

    def __str__(self):
        self.asked += 1
        return self.text


def draw(template, **context):
    return template.render(Context(context))


def test_an_object_is_drawn_once_for_each_value_and_anew_when_it_is_another_one():
    page = Template("{% load once %}{{ name }}: {% once day dose=dose %}{{ day }} {{ dose }}{% endonce %}")
    monday = Day("Senin")
    assert draw(page, name="Sari", day=monday, dose="1") == "Sari: Senin 1"
    assert draw(page, name="Tono", day=monday, dose="1") == "Tono: Senin 1"
    assert monday.asked == 1
    assert draw(page, name="Tono", day=monday, dose="2") == "Tono: Senin 2"
    assert draw(page, name="Tono", day=Day("Selasa"), dose="1") == "Tono: Selasa 1"


def test_each_place_on_a_page_and_each_language_has_its_own_text():
    page = Template(
        "{% load once i18n %}{% once day %}a{{ day }}{% endonce %}{% once day %}b{% translate 'Keluar' %}{% endonce %}"
    )
    day = Day("x")
    assert draw(page, day=day) == "axbKeluar"
    with override("en"):
        assert draw(page, day=day) == "axbSign out"
    assert draw(page, day=day) == "axbKeluar"


def test_nothing_of_the_visitor_is_there_to_be_drawn(rf):
    page = Template("{% load once %}{% once %}[{{ citizen }}{{ request.path }}{{ user }}{% csrf_token %}]{% endonce %}")
    context = RequestContext(rf.get("/janji/"), {"citizen": "Sari Uji"})
    context["csrf_token"] = "secret"
    assert page.render(context) == "[]"


def test_what_others_typed_is_escaped_as_everywhere():
    page = Template("{% load once %}{% once day %}{{ day }}{% endonce %}")
    day = Day("<b>")
    assert [draw(page, day=day), draw(page, day=day)] == ["&lt;b&gt;"] * 2


@pytest.mark.parametrize(
    "text",
    [
        "{% once %}{% block content %}{% endblock %}{% endonce %}",  # another page fills it otherwise
        "{% once day.of.somebody %}{% endonce %}",
        "{% once day slot %}{% endonce %}",
    ],
)
def test_a_use_that_cannot_be_the_same_for_all_is_refused_when_the_page_is_read(text):
    with pytest.raises(TemplateSyntaxError):
        Template("{% load once %}" + text)


def test_no_part_names_a_person():
    """Values and keepers of `once` in all pages: never somebody's name, link, token or answers."""
    used = set()
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        used |= {
            (path.name, word) for words in re.findall(r"{% once ([^%]*)%}", path.read_text()) for word in words.split()
        }
    assert used == {
        ("base.html", "page_path=here"),
        ("base.html", "page_path=mine"),
        ("choose_slot.html", "sessions"),
        ("choose_slot.html", "minutes=hold_minutes"),
        ("questions.html", "slot"),
        ("questions.html", "form"),  # a form with answers in it is of one request, and its text ends with it
        ("_about.html", "slot"),
        ("_about.html", "dose=option.dose_label"),
        ("check.html", "told"),  # a yes is of one request too
    }
