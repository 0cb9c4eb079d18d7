from django.apps import AppConfig


class StockConfig(AppConfig):
    name = "stock"
    verbose_name = "Stok vaksin"

    def ready(self) -> None:
        from core import audit
        from stock import queries

        audit.register("I4", "Saldo stok sama dengan jumlah mutasinya", queries.unbalanced)
        audit.register("I4", "Saldo berjalan tiap mutasi menyambung", queries.broken_running_totals)
        audit.register("I4", "Kiriman sesuai dengan mutasinya", queries.transfers_not_matching)
        audit.register("I4", "Isi vial terbuka tidak melebihi saldo", queries.open_vials_over_balance)
