from django.urls import path

from pcare_bridge.views.status import status

urlpatterns = [path("status/", status, name="status")]
