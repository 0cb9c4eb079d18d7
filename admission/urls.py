"""The waiting room for citizens."""

from django.urls import path

from admission.views import public

app_name = "admission"
urlpatterns = [
    path("antrean/", public.about, name="about"),
    path("antrean/keadaan.json", public.status, name="status"),
    path("antrean/<int:room_id>/", public.own_turn, name="turn"),
    path("antrean/<int:room_id>/ikut/", public.join, name="join"),
    path("antrean/<int:room_id>/masuk/", public.enter, name="enter"),
    path("antrean/<int:room_id>/urutan.csv", public.drawn_list, name="drawn"),
]
