from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Jadwal dan janji"

    def ready(self) -> None:
        from core import outbox, sweeper
        from registration import merging, visibility
        from scheduling import audits, booking, notify, sweeps

        outbox.subscribe("appointment.booked", notify.CONSUMER, notify.told_booked)
        outbox.subscribe("appointment.moved", notify.CONSUMER, notify.told_moved)
        outbox.subscribe("appointment.cancelled", notify.CONSUMER, notify.told_cancelled)
        outbox.subscribe("schedule.closed", "scheduling.close", notify.cancel_batch)
        sweeper.register("scheduling", sweeps.tidy)
        merging.register(booking.move_appointments)
        visibility.extend(sweeps.expected_citizens)
        audits.register()
