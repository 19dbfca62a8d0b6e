import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Shelf",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tenant_id", models.TextField(db_default="acme", editable=False)),
                ("name", models.CharField(max_length=50)),
            ],
        ),
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tenant_id", models.TextField(db_default="acme", editable=False)),
                ("shelf", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.shelf")),
                ("title", models.CharField(max_length=40)),
            ],
        ),
    ]
