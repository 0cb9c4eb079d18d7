from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Jadwal dan janji"

    def ready(self) -> None:
        from core import outbox, sweeper
        from registration import merging, visibility
        from scheduling import audits, booking, next_dose, notify, notify_offers, sweeps, waitlist

        outbox.subscribe("appointment.booked", notify.CONSUMER, notify.told_booked)
        outbox.subscribe("appointment.moved", notify.CONSUMER, notify.told_moved)
        outbox.subscribe("appointment.cancelled", notify.CONSUMER, notify.told_cancelled)
        outbox.subscribe("schedule.closed", "scheduling.close", notify.cancel_batch)
        outbox.subscribe("offer.made", notify.CONSUMER, notify_offers.told_offer)
        outbox.subscribe("waitlist.ended", notify.CONSUMER, notify_offers.told_ended)
        outbox.subscribe("immunization.recorded", next_dose.CONSUMER, next_dose.on_recorded)
        outbox.subscribe("immunization.corrected", next_dose.CONSUMER, next_dose.on_corrected)
        sweeper.register("scheduling", sweeps.tidy)
        merging.register(booking.move_appointments)
        merging.register(waitlist.move_entries)
        visibility.extend(sweeps.expected_citizens)
        audits.register()
