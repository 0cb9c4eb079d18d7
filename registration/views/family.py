"""The family of a signed-in citizen: list, edit, and add: one question per page, nothing kept in a session."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from core import throttle
from registration import claims, nik, queries, services
from registration.forms import RELATIONS, GuardianForm, NikForm, PersonForm, PlaceForm, RelationForm
from registration.models import Citizen, CitizenAccount, IdentityClaim
from registration.session import CitizenRequest, citizen_required, safe_next
from registration.views.sign_in import too_many

FORMS: dict[str, type[forms.Form]] = {
    "relation": RelationForm,
    "nik": NikForm,
    "person": PersonForm,
    "guardian": GuardianForm,
    "place": PlaceForm,
}
TITLES = {
    "relation": gettext_lazy("Tambah anggota keluarga"),
    "nik": gettext_lazy("NIK"),
    "person": gettext_lazy("Nama dan tanggal lahir"),
    "guardian": gettext_lazy("Orang tua atau wali"),
    "place": gettext_lazy("Tempat tinggal"),
    "check": gettext_lazy("Periksa isian"),
}


@require_safe
@citizen_required
def family(request: CitizenRequest) -> HttpResponse:
    """The people of this account, what is still open about each, and the way to add one more."""
    members = queries.family(request.citizen_account)
    context = {
        "members": [{"citizen": one, "warnings": nik.describe(one.nik_warnings)} for one in members],
        "claims": IdentityClaim.objects.filter(account=request.citizen_account, state=IdentityClaim.OPEN),
        "limit": settings.FAMILY_LIMIT,
        "may_add": len(members) < settings.FAMILY_LIMIT,
        "today": timezone.localdate(),
    }
    return render(request, "registration/family.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def add_member(request: CitizenRequest) -> HttpResponse:
    """Add one person. Answers given so far travel in hidden fields, so Back, reload and a second tab all work.

    `next` travels with them: who was sent here from a booking, a draw or the waiting room goes back there.
    """
    wizard = AddWizard(request.citizen_account, request.POST)
    if request.method != "POST":
        if len(wizard.members) >= settings.FAMILY_LIMIT:  # told before five pages are filled in, not after
            # To the page that says so: back in `next` it would look as if the link were dead.
            return HttpResponseRedirect(reverse("registration:family"))
        return wizard.page(request, wizard.first)
    already = wizard.already_saved()
    if already:
        return _saved(request, already)
    step = request.POST.get("step", "")
    goto = request.POST.get("goto", "")
    if goto in wizard.steps():
        return wizard.page(request, goto)
    wrong = wizard.first_wrong(until=step)
    if wrong:
        return wizard.page(request, wrong, show_errors=wrong == step or step == "check")
    if step != "check":
        return wizard.page(request, wizard.after(step))
    return _save_new(request, wizard)


@require_safe
@citizen_required
def claim(request: CitizenRequest, code: str) -> HttpResponse:
    """What to bring to the desk, and the code to show there."""
    row = get_object_or_404(IdentityClaim, public_code=code, account=request.citizen_account)
    return render(request, "registration/claim.html", {"claim": row})


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@citizen_required
def edit_member(request: CitizenRequest, public_id: uuid.UUID) -> HttpResponse:
    """Change one person; the identity is fixed once a desk has seen the card."""
    account = request.citizen_account
    citizen = get_object_or_404(Citizen.objects.of_account(account).select_related("guardian"), public_id=public_id)
    sections = _edit_forms(account, citizen, request.POST if request.method == "POST" else None)
    if request.method == "POST" and all(form.is_valid() for form in sections.values()):
        changes = {name: value for form in sections.values() for name, value in form.cleaned_data.items()}
        if changes.pop("has_nik", "ya") == "tidak":
            changes["nik"] = None
        elif changes.get("nik"):
            changes.pop("no_nik_reason", None)
        refused = _too_many_numbers(request, changes["nik"]) if changes.get("nik", citizen.nik) != citizen.nik else None
        if refused:
            return refused
        try:
            services.update_citizen(citizen.pk, **changes)
        except services.NikTaken:
            return _to_claim(request, account, _entry_of(citizen, changes))
        except ValidationError as error:
            _add_errors(list(sections.values()), error)
        else:
            messages.success(
                request,
                _("Perubahan data %(name)s sudah disimpan.") % {"name": changes.get("full_name", citizen.full_name)},
            )
            return HttpResponseRedirect(reverse("registration:family"))
    context = {"citizen": citizen, "sections": sections}
    return render(request, "registration/edit_member.html", context)


class AddWizard:
    """The questions about a new person, in order, over one POST dictionary."""

    def __init__(self, account: CitizenAccount, data: Any) -> None:
        self.account, self.data = account, data
        self.members = queries.family(account)
        self.adults = [one for one in self.members if not one.is_minor_on(timezone.localdate())]
        self._forms: dict[str, forms.Form] = {}

    @property
    def first(self) -> str:
        """The first person of an account is its holder; only then somebody else."""
        return "relation" if self.members else "nik"

    def steps(self) -> list[str]:
        """The pages of this person; a guardian is asked only for a minor."""
        middle = ["nik", "person"] + (["guardian"] if self.is_minor() else []) + ["place"]
        return (["relation"] if self.members else []) + middle

    def form(self, step: str) -> forms.Form:
        """The bound form of a page."""
        if step not in self._forms:
            bound = any(name in self.data for name in FORMS[step].base_fields)
            form = FORMS[step](self.data if bound else None)
            self._prepare(step, form)
            self._forms[step] = form
        return self._forms[step]

    def _prepare(self, step: str, form: forms.Form) -> None:
        if step == "guardian":
            _offer_guardians(form, self.adults)
        relation = form.fields.get("relation")
        if isinstance(relation, forms.ChoiceField) and any(one.relation == "diri" for one in self.members):
            relation.choices = [row for row in RELATIONS if row[0] != "diri"]

    def is_minor(self) -> bool:
        """Whether the birth date given makes a guardian necessary."""
        person = PersonForm(self.data)
        born = person.cleaned_data.get("birth_date") if person.is_valid() else None
        return born is not None and Citizen(birth_date=born).is_minor_on(timezone.localdate())

    def first_wrong(self, *, until: str) -> str | None:
        """The first page up to and including `until` that cannot be accepted as it is."""
        for step in self.steps():
            form = self.form(step)
            if not form.is_bound or not form.is_valid():
                return step
            if step == "person" and self.is_minor() and not self.adults:
                form.add_error(
                    "birth_date",
                    _("Anak di bawah 18 tahun didaftarkan bersama orang tua. Daftarkan dahulu orang tua atau wali."),
                )
                return step
            if step == until:
                return None
        return None

    def after(self, step: str) -> str:
        """The page that follows `step`."""
        order = [*self.steps(), "check"]
        return order[order.index(step) + 1] if step in order[:-1] else order[0]

    def entry(self) -> dict[str, Any]:
        """Arguments for registration.claims.add_member."""
        entry: dict[str, Any] = {"relation": Citizen.Relation.SELF}
        for step in self.steps():
            entry |= self.form(step).cleaned_data
        entry.pop("has_nik")
        entry["nik"] = entry["nik"] or None
        entry["public_id"] = self.entry_id()
        return entry

    def entry_id(self) -> uuid.UUID:
        """One number per form that was opened: sent twice, it is still one person."""
        try:
            return uuid.UUID(self.data.get("entry_id", ""))
        except ValueError:
            return uuid.uuid4()

    def already_saved(self) -> Citizen | None:
        """The person this very form has written before: a double click, or the back button."""
        return Citizen.objects.of_account(self.account).filter(public_id=self.entry_id()).first()

    def page(self, request: CitizenRequest, step: str, *, show_errors: bool = False) -> HttpResponse:
        """One page of the questions; only its own errors are shown, and only after it was answered."""
        order = [*self.steps(), "check"]
        current = None if step == "check" else self.form(step)
        if current is not None and current.is_bound and not show_errors:
            current = self._unbound(step, current)
        shown = set(current.fields) if current is not None else set()
        names = {name for one in FORMS for name in self.form(one).fields}
        context = {
            "step": step,
            "title": TITLES[step],
            "form": current,
            "number": order.index(step) + 1 if step in order else 1,
            "total": len(order),
            "previous": order[order.index(step) - 1] if step in order[1:] else "",
            "is_first_person": not self.members,
            "entry_id": self.entry_id(),
            "next": safe_next(request, fallback=""),
            "hidden": [(name, self.data[name]) for name in sorted(names - shown) if name in self.data],
            "entry": self._answers() if step == "check" else None,
        }
        return render(request, "registration/add_member.html", context, status=422 if show_errors else 200)

    def _unbound(self, step: str, bound: forms.Form) -> forms.Form:
        fresh = type(bound)(initial={name: bound.data.get(name) for name in bound.fields if name in bound.data})
        self._prepare(step, fresh)
        return fresh

    def _answers(self) -> dict[str, Any]:
        entry = self.entry()
        parsed = nik.parse(entry["nik"], today=timezone.localdate()) if entry["nik"] else None
        codes = parsed.warnings(birth_date=entry["birth_date"], sex=entry["sex"]) if parsed else []
        return entry | {
            "warnings": nik.describe(codes),
            "relation_text": Citizen.Relation(entry["relation"]).label,
            "sex_text": Citizen.Sex(entry["sex"]).label,
            "reason_text": Citizen.NoNikReason(entry["no_nik_reason"]).label if entry["no_nik_reason"] else "",
            "asks_relation": bool(self.members),
        }


def _save_new(request: CitizenRequest, wizard: AddWizard) -> HttpResponse:
    entry = wizard.entry()
    refused = _too_many_numbers(request, entry["nik"])
    if refused:
        return refused
    try:
        saved = claims.add_member(wizard.account, entry)
    except ValidationError as error:
        twin = wizard.already_saved()  # the same form arrived twice at the same moment
        return _saved(request, twin) if twin else _refused(request, wizard, error)
    if isinstance(saved, IdentityClaim):
        return HttpResponseRedirect(reverse("registration:claim", args=[saved.public_code]))
    messages.success(request, _("%(name)s ditambahkan ke keluarga Anda.") % {"name": saved.full_name})
    return HttpResponseRedirect(safe_next(request))


def _saved(request: CitizenRequest, citizen: Citizen) -> HttpResponse:
    messages.success(request, _("%(name)s sudah ada dalam keluarga Anda.") % {"name": citizen.full_name})
    return HttpResponseRedirect(safe_next(request))


def _refused(request: CitizenRequest, wizard: AddWizard, error: ValidationError) -> HttpResponse:
    code = getattr(error, "code", None)
    if code in ("own_family", "family_full"):
        messages.info(request, " ".join(error.messages))
        return HttpResponseRedirect(safe_next(request))
    _add_errors([wizard.form(step) for step in wizard.steps()], error)
    wrong = next((step for step in wizard.steps() if wizard.form(step).errors), wizard.first)
    return wizard.page(request, wrong, show_errors=True)


def _to_claim(request: CitizenRequest, account: CitizenAccount, entry: dict[str, Any]) -> HttpResponse:
    if Citizen.objects.of_account(account).filter(nik_index=services.nik_index(entry["nik"])).exists():
        messages.info(request, _("Orang dengan NIK ini sudah ada dalam keluarga Anda."))
        return HttpResponseRedirect(reverse("registration:family"))
    row = claims.open_claim(account, entry)
    return HttpResponseRedirect(reverse("registration:claim", args=[row.public_code]))


def _too_many_numbers(request: CitizenRequest, number: str | None) -> HttpResponse | None:
    # Trying NIK after NIK must not tell who is registered; counted before we look, so that both answers cost.
    wait = throttle.hit("nik", str(request.citizen_account.pk), settings.LIMIT_NIK_PER_ACCOUNT) if number else 0
    return too_many(request, wait) if wait else None


def _edit_forms(account: CitizenAccount, citizen: Citizen, data: Any) -> dict[str, forms.Form]:
    today = timezone.localdate()
    sections: dict[str, forms.Form] = {}
    if not citizen.identity_locked:
        initial = {
            "has_nik": "ya" if citizen.nik else "tidak",
            "nik": citizen.nik,
            "no_nik_reason": citizen.no_nik_reason,
        }
        sections["nik"] = NikForm(data, initial=initial)
        person = {"full_name": citizen.full_name, "birth_date": citizen.birth_date, "sex": citizen.sex}
        sections["person"] = PersonForm(data, initial=person)
    if citizen.is_minor_on(today):
        guardian_id = citizen.guardian.public_id if citizen.guardian else None
        form = GuardianForm(data, initial={"guardian": guardian_id, "birth_order": citizen.birth_order})
        _offer_guardians(form, [one for one in queries.family(account) if not one.is_minor_on(today)])
        sections["guardian"] = form
    place = {
        name: getattr(citizen, name) for name in ("kelurahan", "domicile_kelurahan", "address", "family_card_number")
    }
    sections["place"] = PlaceForm(data, initial=place)
    return sections


def _offer_guardians(form: forms.Form, adults: list[Citizen]) -> None:
    field = form.fields["guardian"]
    if not isinstance(field, forms.ModelChoiceField):
        raise Http404
    field.queryset = Citizen.objects.filter(pk__in=[one.pk for one in adults])
    if len(adults) == 1 and "guardian" not in form.initial:
        form.initial["guardian"] = adults[0].public_id


def _entry_of(citizen: Citizen, changes: dict[str, Any]) -> dict[str, Any]:
    names = ("nik", "full_name", "birth_date", "sex", "relation", "birth_order", "address", "kelurahan", "guardian")
    return {name: changes.get(name, getattr(citizen, name)) or "" for name in names} | {
        "kelurahan": changes.get("kelurahan"), "guardian": changes.get("guardian", citizen.guardian),
    }  # fmt: skip


def _add_errors(all_forms: list[forms.Form], error: ValidationError) -> None:
    by_field = error.message_dict if hasattr(error, "error_dict") else {None: error.messages}
    for name, texts in by_field.items():
        form = next((one for one in all_forms if name in one.fields), all_forms[0])
        form.add_error(name if name in form.fields else None, texts)
