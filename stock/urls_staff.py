"""Stock at the facility and in the city."""

from django.urls import include, path

from stock import views
from stock import views_announced as announced

keeper = [
    path("petugas/stok/", views.shelf, name="shelf"),
    path("petugas/stok/terima/", views.receive, name="receive"),
    path("petugas/stok/buang/", views.waste, name="waste"),
    path("petugas/stok/kirim/", views.send, name="send"),
    path("petugas/stok/hitung/", views.count, name="count"),
    path("petugas/stok/buka-vial/", views.open_vial, name="open_vial"),
    path("petugas/stok/vvm/", views.vvm, name="vvm"),
    path("petugas/stok/vial/<int:vial_id>/buang/", views.discard, name="discard"),
    path("petugas/stok/kiriman/<slug:code>/terima/", views.receive_transfer, name="receive_transfer"),
    path("petugas/stok/kiriman/<slug:code>/batal/", views.cancel_transfer, name="cancel_transfer"),
    path("petugas/stok/diumumkan/", announced.here, name="announced"),
    path("petugas/stok/diumumkan/<int:delivery_id>/batal/", announced.cancel_here, name="announced_cancel"),
    path("dinkes/stok/diumumkan/", announced.city, name="announced_city"),
    path("dinkes/stok/diumumkan/<int:delivery_id>/batal/", announced.cancel_city, name="announced_city_cancel"),
    path("petugas/stok/mutasi/", views.ledger, name="ledger"),
    path("petugas/stok/mutasi.csv", views.ledger_csv, name="ledger_csv"),
    path("dinkes/stok/", views.overview, name="overview"),
]
urlpatterns = [path("", include((keeper, "stock")))]
