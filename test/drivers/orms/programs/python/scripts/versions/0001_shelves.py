import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def tenant():
    return sa.Column("tenant_id", sa.Text, nullable=False, server_default="acme")


def upgrade():
    op.create_table("shelves", sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True), tenant(), sa.Column("name", sa.String(50), nullable=False, comment="as it says"))
    op.create_table(
        "items", sa.Column("id", sa.BigInteger, primary_key=True), tenant(),
        sa.Column("shelf_id", sa.BigInteger, sa.ForeignKey("shelves.id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.Enum("small", "large", name="item_kind"), nullable=False, server_default="small"))


def downgrade():
    op.drop_table("items")
    op.drop_table("shelves")
    sa.Enum(name="item_kind").drop(op.get_bind())
