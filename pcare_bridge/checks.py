"""Invariant I5: every completed dose has exactly one delivery per active profile, and none is lost or doubled."""

from datetime import timedelta

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from pcare_bridge.accounts import ACCOUNT_MODELS, profiles_of
from pcare_bridge.models import Delivery

# A message not yet handled is not a lost dose: the consumer has still to run.
_WITHOUT_ONE = """
    WITH active AS (
        SELECT a.facility_id, wanted.profile, a.active_since
          FROM pcare_bridge_facilityaccount a CROSS JOIN unnest(a.profiles) AS wanted(profile)
         WHERE a.is_active
         UNION ALL
        SELECT facility_id, 'satusehat', active_since FROM pcare_bridge_satusehataccount WHERE is_active
    )
    SELECT count(*)
      FROM active
      LEFT JOIN pcare_bridge_profileswitch s ON s.facility_id = active.facility_id AND s.profile = active.profile
      JOIN vaccination_immunization i
        ON i.facility_id = active.facility_id
       AND i.recorded_at >= greatest(active.active_since, s.active_since)
     WHERE i.status = 'completed' AND i.is_primary_source
       AND (SELECT count(*) FROM pcare_bridge_delivery d
             WHERE d.immunization_id = i.id AND d.profile = active.profile AND d.operation <> 'withdraw'
               AND d.state IN ('waiting', 'in_flight', 'held', 'paused', 'refused', 'sent', 'reported')) <> 1
       AND NOT EXISTS (
           SELECT 1 FROM core_outboxmessage m
            WHERE m.consumer = 'pcare' AND m.state IN ('waiting', 'in_flight')
              AND (m.payload->>'immunization_id' = i.id::text OR m.payload->>'replacement_id' = i.id::text))
"""


def doses_without_one_delivery() -> int:
    """Completed doses with no delivery, or with more than one, or only with a finished one that never arrived."""
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_ONE)
        return cursor.fetchone()[0]


def stranded_deliveries() -> int:
    """Rows nobody would ever take up: held behind something finished, or leased long ago."""
    finished = (Delivery.SENT, Delivery.WITHDRAWN, Delivery.SUPERSEDED)
    held = Delivery.objects.filter(state=Delivery.HELD, previous__state__in=finished).count()
    unanchored = Delivery.objects.filter(state=Delivery.HELD, previous__isnull=True).count()
    leased = Delivery.objects.filter(
        state=Delivery.IN_FLIGHT, lease_until__lt=timezone.now() - timedelta(hours=1)
    ).count()
    paused = 0
    for service, model in ACCOUNT_MODELS.items():
        running = list(model.objects.filter(pause_class="").values_list("facility_id", flat=True))
        rows = Delivery.objects.filter(state=Delivery.PAUSED, profile__in=profiles_of(service))
        paused += rows.filter(facility_id__in=running).count()
    return held + unanchored + leased + paused


def shared_numbers() -> int:
    """Numbers of PCare that two doses of different people or series claim at once."""
    return (
        Delivery.objects.filter(state=Delivery.SENT)
        .exclude(upstream_number="")
        .exclude(operation=Delivery.Operation.WITHDRAW)
        .filter(immunization__status="completed")
        .values("profile", "upstream_number")
        .annotate(doses=Count("immunization", distinct=True))
        .filter(doses__gt=1)
        .count()
    )
