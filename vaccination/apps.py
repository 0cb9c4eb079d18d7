from django.apps import AppConfig


class VaccinationConfig(AppConfig):
    name = "vaccination"
    verbose_name = "Vaksinasi"

    def ready(self) -> None:
        from core import audit, sweeper
        from programmes import history
        from registration import alongside, merging, visibility
        from vaccination import flow, queries
        from vaccination.merging import move_visits_and_doses

        history.register(queries.PAST_DOSES)
        alongside.register("past_doses", queries.PAST_DOSES)
        merging.register(move_visits_and_doses)
        visibility.extend(queries.served_here)
        sweeper.register("visits", flow.close_past_visits)
        audit.register("I3", "Setiap kunjungan yang sudah disuntik memuat dosisnya", queries.visits_without_dose)
        audit.register("I4", "Dosis tercatat sama dengan dosis keluar dari stok", queries.doses_without_stock)
        audit.register("I9", "Setiap kunjungan disertai catatan pembacaan", queries.unlogged_visits)
