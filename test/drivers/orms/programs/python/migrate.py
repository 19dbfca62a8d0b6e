"""Django: migrations up, back by one and up again, and what its own applications need."""
import os

import django
from django.conf import settings
from django.core.management import call_command

env = os.environ
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": env["PGHOST"], "PORT": env["PGPORT"],
                           "NAME": env["PGDATABASE"], "USER": env["PGUSER"], "PASSWORD": env["PGPASSWORD"]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "shop"],
    USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

call_command("migrate", verbosity=0)
call_command("makemigrations", "shop", dry_run=True, verbosity=0)
call_command("migrate", "shop", "0002", verbosity=0)
call_command("migrate", verbosity=0)
call_command("showmigrations")

from shop.models import Item  # noqa: E402

print(list(Item.objects.order_by("id").values_list("label", "shelf__name", "tenant_id")))
