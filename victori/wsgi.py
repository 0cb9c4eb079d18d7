"""What gunicorn serves."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "victori.settings")
application = get_wsgi_application()
# Once, before gunicorn forks, instead of in each worker while its first visitor waits.
import_module(settings.ROOT_URLCONF)
