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


def test_what_stands_behind_with_is_written_in_for_each_and_never_kept():
    page = Template("{% load once %}{% once day with name=name %}{{ day }} 100% {{ name }}, %s {{ name }}{% endonce %}")
    day = Day("Senin")
    for name in ("Sari", "Tono %(day)s", "{{ day }}"):
        assert draw(page, day=day, name=name) == f"Senin 100% {name}, %s {name}"
    assert draw(page, day=day, name="<b>&") == "Senin 100% &lt;b&gt;&amp;, %s &lt;b&gt;&amp;"
    assert day.asked == 1
    (kept,) = vars(day)["_drawn_once"].values()
    assert not any(name in text for text in kept.values() for name in ("Sari", "Tono", "<b>", "&lt;b&gt;"))


def test_the_visitor_is_not_there_while_a_part_is_drawn():
    page = Template("{% load once %}{% once day with name=name %}{{ name }}{% endonce %}")
    day, name = Day("Senin"), Day("Sari")
    draw(page, day=day, name=name)
    assert name.asked == 1  # to be written in, not to be drawn
    with pytest.raises(TemplateSyntaxError, match="name is not printed as it is"):
        draw(Template("{% load once %}{% once day with name=name %}{{ name|upper }}{% endonce %}"), day=day, name="x")
    with pytest.raises(TemplateSyntaxError, match="name is not printed as it is"):
        draw(Template("{% load once %}{% once day with name=name %}{% if name %}a{% endif %}{% endonce %}"), day=day)


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
        "{% once day with name %}{% endonce %}",
    ],
)
def test_a_use_that_cannot_be_the_same_for_all_is_refused_when_the_page_is_read(text):
    with pytest.raises(TemplateSyntaxError):
        Template("{% load once %}" + text)


def test_no_part_names_a_person():
    """Values and keepers of `once` in all pages: never somebody's name, link, token or answers."""
    used = set()
    for path in Path(settings.BASE_DIR, "templates").rglob("*.html"):
        for words in re.findall(r"{% once ([^%]*)%}", path.read_text()):
            used |= {(path.name, word) for word in re.split(r"\bwith\b", words)[0].split()}
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
        ("_timer.html", "places=held_places"),
        ("choose_slot.html", "schedule"),
    }
