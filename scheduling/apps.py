from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Jadwal dan janji"

    def ready(self) -> None:
        from core import outbox, sweeper
        from registration import alongside, merging, visibility
        from scheduling import audits, booking, capacity, notify, places, sweeps
        from scheduling.waiting import next_dose, waitlist
        from scheduling.waiting import notify as notify_offers
        from stock import changes

        outbox.subscribe("appointment.booked", notify.CONSUMER, notify.told_booked)
        outbox.subscribe("appointment.moved", notify.CONSUMER, notify.told_moved)
        outbox.subscribe("appointment.cancelled", notify.CONSUMER, notify.told_cancelled)
        outbox.subscribe("schedule.displaced", "scheduling.close", notify.cancel_batch)
        outbox.subscribe("offer.made", notify.CONSUMER, notify_offers.told_offer)
        outbox.subscribe("waitlist.ended", notify.CONSUMER, notify_offers.told_ended)
        outbox.subscribe("immunization.recorded", next_dose.CONSUMER, next_dose.on_recorded)
        outbox.subscribe("immunization.corrected", next_dose.CONSUMER, next_dose.on_corrected)
        sweeper.register("scheduling", sweeps.tidy)
        merging.register(booking.move_appointments)
        merging.register(waitlist.move_entries)
        visibility.extend(sweeps.expected_citizens)
        alongside.register("active_appointments", places.ACTIVE_OF_CITIZEN)
        audits.register()
        changes.register(capacity.fit_pairs)
        sweeper.register("capacity", capacity.sweep)
        self._draws()

    def _draws(self) -> None:
        from core import outbox, sweeper
        from registration import merging
        from scheduling.draws import audits as draw_audits
        from scheduling.draws import notify as draw_notify
        from scheduling.draws import run as draw_run
        from scheduling.draws import services as draws

        outbox.subscribe("draw.entered", draw_notify.CONSUMER, draw_notify.told_entered)
        outbox.subscribe("draw.ended", draw_notify.CONSUMER, draw_notify.settle_batch)
        sweeper.register("draws", draw_run.run_due)
        merging.register(draws.move_entries)
        draw_audits.register()
