import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None

shelves = sa.table("shelves", sa.column("id"), sa.column("name"))
items = sa.table("items", sa.column("id"), sa.column("shelf_id"), sa.column("kind"))


def upgrade():
    op.add_column("items", sa.Column("label", sa.Text))
    op.bulk_insert(shelves, [{"name": "first"}, {"name": "second"}])
    connection = op.get_bind()
    first = connection.scalar(sa.select(shelves.c.id).order_by(shelves.c.id))
    connection.execute(items.insert(), [{"id": n, "shelf_id": first, "kind": "large"} for n in range(3)])
    op.execute("UPDATE items SET label = kind || ' ' || id")
    op.alter_column("items", "label", nullable=False)
    op.create_index("items_label", "items", ["tenant_id", sa.text("lower(label)")], unique=True)
    op.create_check_constraint("items_positive", "items", "id >= 0")
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE item_kind ADD VALUE 'huge'")
        op.create_index("items_kind", "items", ["kind"], postgresql_concurrently=True)
    op.rename_table("shelves", "racks")


def downgrade():
    op.rename_table("racks", "shelves")
    op.drop_index("items_kind")
    op.drop_constraint("items_positive", "items")
    op.drop_index("items_label")
    op.drop_column("items", "label")
    op.execute("DELETE FROM items")
