"""What a member of staff may see and do: memberships turned into filters and capabilities.

Rights follow territory, not single rows: every view and API filters through one of these methods (docs/security.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models import User

DESK = {
    "desk.view", "desk.check_in", "desk.screen", "desk.observe", "kipi.record", "stock.view", "identity.resolve",
    "draw.enter", "waitlist.join",
}  # fmt: skip
HEALTH_OFFICE_VIEW = {"coverage.view", "stock.view", "stock.overview", "pcare.view", "schedule.view"}
HEALTH_OFFICE_WORK = {
    "pcare.manage",
    "schedule.manage",
    "staff.manage",
    "messages.view",
    "identity.resolve",
    "partner.manage",
}
ROLE_CAPABILITIES: dict[str, frozenset[str]] = {
    "petugas": frozenset(DESK),
    "vaksinator": frozenset(DESK | {"dose.record", "dose.correct", "vial.open"}),
    "pengelola_stok": frozenset({"stock.view", "stock.manage", "vial.open", "desk.view"}),
    "kader": frozenset({"booking.assist", "draw.enter", "waitlist.join"}),
    "admin_dinkes": frozenset(HEALTH_OFFICE_VIEW | HEALTH_OFFICE_WORK),
    "pemantau_dinkes": frozenset(HEALTH_OFFICE_VIEW),
    "mitra": frozenset({"api.record_dose"}),
}


@dataclass
class Territory:
    """The union of a user's valid memberships."""

    is_city: bool = False
    facility_ids: set[int] = field(default_factory=set)
    kelurahan_codes: set[str] = field(default_factory=set)
    kecamatan_codes: set[str] = field(default_factory=set)
    capabilities: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, user: User) -> Territory:
        """Read the user's memberships that are valid today; an inactive user has none."""
        territory = cls()
        if not user.is_active:
            return territory
        for membership in user.memberships.valid_on(timezone.localdate()):
            territory.capabilities |= ROLE_CAPABILITIES[membership.role]
            match membership.scope:
                case "city":
                    territory.is_city = True
                case "facility":
                    territory.facility_ids.add(membership.facility_id)
                case "kelurahan":
                    territory.kelurahan_codes.add(membership.kelurahan_id)
                case "kecamatan":
                    territory.kecamatan_codes.add(membership.kecamatan_id)
        return territory

    def can(self, capability: str) -> bool:
        """Whether any valid membership carries `capability`."""
        return capability in self.capabilities

    def facility_filter(self) -> Q:
        """Filter for regions.Facility rows inside the territory."""
        if self.is_city:
            return Q()
        return Q(pk__in=self.facility_ids) | Q(kecamatan_id__in=self.kecamatan_codes)
