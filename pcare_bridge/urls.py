from django.urls import path

from pcare_bridge import views

urlpatterns = [path("status/", views.status, name="status")]
