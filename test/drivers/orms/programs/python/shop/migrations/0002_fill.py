from django.db import migrations, models


def fill(apps, schema_editor):
    shelf = apps.get_model("shop", "Shelf").objects.create(name="first")
    items = apps.get_model("shop", "Item").objects
    items.bulk_create([items.model(shelf=shelf, title=f"item {n}") for n in range(3)])
    items.filter(title="item 2").update(title="last")


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("item", "weight", models.DecimalField(max_digits=8, decimal_places=3, null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
