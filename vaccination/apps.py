from django.apps import AppConfig


class VaccinationConfig(AppConfig):
    name = "vaccination"
    verbose_name = "Vaksinasi"

    def ready(self) -> None:
        from programmes import history
        from vaccination.queries import read_past_doses

        history.register(read_past_doses)
