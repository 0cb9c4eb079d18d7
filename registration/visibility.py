"""Which citizens a member of staff may open: residents of the territory, and whoever comes to their facility.

Apps above know who comes (bookings, visits); they add their part here, so that every page filters by one rule.
"""

from collections.abc import Callable

from django.db.models import Q

from accounts.territory import Territory

Rule = Callable[[Territory], Q]
_rules: list[Rule] = []


def extend(rule: Rule) -> None:
    """Register `rule(territory) -> Q` over Citizen; called from AppConfig.ready()."""
    if rule not in _rules:
        _rules.append(rule)


def citizens_of(territory: Territory) -> Q:
    """Filter of the Citizen rows inside `territory`; a city role sees everyone, no role sees nobody."""
    if territory.is_city:
        return Q()
    seen = Q(pk__in=[])
    if territory.kelurahan_codes:
        seen |= Q(domicile_kelurahan_id__in=territory.kelurahan_codes)
        seen |= Q(domicile_kelurahan__isnull=True, kelurahan_id__in=territory.kelurahan_codes)
    if territory.kecamatan_codes:
        seen |= Q(domicile_kelurahan__kecamatan_id__in=territory.kecamatan_codes)
        seen |= Q(domicile_kelurahan__isnull=True, kelurahan__kecamatan_id__in=territory.kecamatan_codes)
    for rule in _rules:
        seen |= rule(territory)
    return seen
