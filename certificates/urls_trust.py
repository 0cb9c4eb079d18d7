"""Foreign keys, for the health office."""

from django.urls import path

from certificates import trust_views

app_name = "trust"
urlpatterns = [
    path("", trust_views.overview, name="overview"),
    path("<int:pk>/", trust_views.one_list, name="list"),
    path("<int:pk>/sakelar/", trust_views.switch, name="switch"),
    path("edisi/<int:pk>/", trust_views.edition, name="edition"),
    path("edisi/<int:pk>/putusan/", trust_views.decide, name="decide"),
]
