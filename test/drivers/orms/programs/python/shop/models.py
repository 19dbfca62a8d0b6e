from django.db import models


class Shelf(models.Model):
    tenant_id = models.TextField(db_default="acme", editable=False)
    name = models.CharField(max_length=50)


class Item(models.Model):
    tenant_id = models.TextField(db_default="acme", editable=False)
    shelf = models.ForeignKey(Shelf, models.CASCADE)
    label = models.CharField(max_length=80, db_index=True)
    weight = models.DecimalField(max_digits=8, decimal_places=3, null=True)
    extra = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "label"], name="item_label"),
            models.CheckConstraint(condition=models.Q(weight__gte=0), name="item_weight"),
        ]
