import os

from alembic import context
from sqlalchemy import URL, create_engine

env = os.environ
url = URL.create("postgresql+psycopg2", env["PGUSER"], env["PGPASSWORD"], env["PGHOST"], int(env["PGPORT"]), env["PGDATABASE"])
with create_engine(url).connect() as connection:
    context.configure(connection=connection, transaction_per_migration="each" in context.get_x_argument(as_dictionary=True))
    with context.begin_transaction():
        context.run_migrations()
