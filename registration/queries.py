"""Reads of families that join a little or are asked often."""

from django.conf import settings
from django.db.models import Case, IntegerField, Value, When

from registration.models import Citizen, CitizenAccount


def family(account: CitizenAccount) -> list[Citizen]:
    """The people of one account: the account holder first, then the oldest first. One query."""
    order = Case(When(relation=Citizen.Relation.SELF, then=Value(0)), default=Value(1), output_field=IntegerField())
    return list(
        Citizen.objects.of_account(account)
        .select_related("kelurahan__kecamatan", "domicile_kelurahan__kecamatan", "guardian")
        .order_by(order, "birth_date", "birth_order", "pk")
    )


def home_kecamatan(account: CitizenAccount) -> str | None:
    """Kecamatan code where the family lives, for "nearest first"; None when nobody gave one."""
    for member in family(account):
        place = member.domicile_kelurahan or member.kelurahan
        if place:
            return place.kecamatan_id
    return None


def notification_phone(citizen: Citizen) -> str | None:
    """Where messages about this person go: the account's verified phone, else the phone left at the desk."""
    if citizen.account:
        return citizen.account.phone
    return citizen.contact_phone or None


def notification_language(citizen: Citizen) -> str:
    """The language of those messages: what the account chose, else the portal's."""
    return citizen.account.language if citizen.account else settings.LANGUAGE_CODE
