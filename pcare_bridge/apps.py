from django.apps import AppConfig


class PcareBridgeConfig(AppConfig):
    name = "pcare_bridge"
    verbose_name = "Jembatan PCare"

    def ready(self) -> None:
        from core import audit, outbox, sweeper
        from pcare_bridge import adverse, checks, planning, tasks

        outbox.subscribe("immunization.recorded", "pcare", planning.on_recorded)
        outbox.subscribe("immunization.corrected", "pcare", planning.on_corrected)
        outbox.subscribe("immunization.adverse_event", "pcare", adverse.on_reported)
        outbox.subscribe(adverse.REOPEN, "pcare", adverse.on_reported)
        sweeper.register("pcare", tasks.hurry)
        audit.register("I5", "Setiap dosis punya tepat satu kiriman", checks.doses_without_one_delivery)
        audit.register("I5", "Tidak ada kiriman yang terlantar", checks.stranded_deliveries)
        audit.register("I5", "Satu nomor PCare untuk satu dosis", checks.shared_numbers)
