from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_fill")]
    operations = [
        migrations.RenameField("item", "title", "label"),
        migrations.AlterField("item", "label", models.CharField(max_length=80, db_index=True)),
        migrations.AddField("item", "extra", models.JSONField(default=dict)),
        migrations.AddConstraint("item", models.UniqueConstraint(fields=["tenant_id", "label"], name="item_label")),
        migrations.AddConstraint("item", models.CheckConstraint(condition=models.Q(weight__gte=0), name="item_weight")),
        migrations.RunSQL("COMMENT ON TABLE shop_item IS 'what lies on shelves'", migrations.RunSQL.noop),
    ]
