from django.apps import AppConfig


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = "Pelaporan"

    def ready(self) -> None:
        from core import audit, outbox, sweeper
        from reporting import checks, coverage, services
        from scheduling.draws import weights as draw_weights

        outbox.subscribe("immunization.recorded", services.CONSUMER, services.on_recorded)
        outbox.subscribe("immunization.corrected", services.CONSUMER, services.on_corrected)
        sweeper.register("coverage", services.fold)
        draw_weights.measure_coverage_with(coverage.percent_by_kecamatan)
        audit.register("I7", "Rekap cakupan sama dengan hitungan ulang dari catatan dosis", checks.different_cells)
