"""Django: inspectdb of every table, and the ORM."""
import io
import os

import django
from django.conf import settings
from django.core.management import call_command

env = os.environ
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": env["PGHOST"], "PORT": env["PGPORT"],
                           "NAME": env["PGDATABASE"], "USER": env["PGUSER"], "PASSWORD": env["PGPASSWORD"]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()

from django.db import connection, models, transaction  # noqa: E402
from django.db.models import Avg, Count, F, Q  # noqa: E402


class Publisher(models.Model):
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2, null=True)

    class Meta:
        app_label, db_table, managed = "library", "publishers", False


class Book(models.Model):
    publisher = models.ForeignKey(Publisher, models.CASCADE, related_name="books")
    title = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    attrs = models.JSONField(default=dict)
    lent = models.BooleanField(default=False)
    published = models.DateField(null=True)

    class Meta:
        app_label, db_table, managed = "library", "books", False


def read():
    out = io.StringIO()
    call_command("inspectdb", "--include-views", "--include-partitions", stdout=out)
    print(out.getvalue())
    cursor = connection.cursor()
    for table in ("authors", "books", "publishers", "languages"):
        print(connection.introspection.get_constraints(cursor, table))
        print(connection.introspection.get_sequences(cursor, table))
    print(Book.objects.filter(price__gt=10).select_related("publisher").order_by("id").values_list("title", "publisher__name"))
    print(list(Book.objects.values("publisher__name").annotate(n=Count("id"), p=Avg("price")).order_by("publisher__name")))
    print(list(Book.objects.filter(Q(attrs__n=1) | Q(title__icontains="grü")).values_list("title", flat=True).order_by("id")))
    print(Book.objects.filter(published__year=2020).exists(), Book.objects.earliest("id").title)
    try:
        with transaction.atomic():
            publisher = Publisher.objects.create(id=50, name="Gamma")
            Book.objects.bulk_create([Book(id=800 + n, title=f"t{n}", price=n, publisher=publisher) for n in range(3)])
            Book.objects.filter(id=801).update(price=F("price") * 2)
            found, made = Publisher.objects.get_or_create(name="Gamma")
            print(found.id, made, Book.objects.get(id=801).price)
            print(len(Publisher.objects.select_for_update().filter(id=50)))
            for b in Book.objects.order_by("id").iterator(chunk_size=2):
                print(b.title)
            Book.objects.filter(id__gte=800).delete()
            publisher.delete()
            raise KeyError
    except KeyError:
        print(Publisher.objects.count())


read()
