"""SQLAlchemy: reflects every table, then reads and writes through the ORM. The argument is the dialect with its driver."""
import asyncio
import os
import sys

from sqlalchemy import URL, MetaData, create_engine, func, inspect, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session


def inspected(connection):
    found = inspect(connection)
    print(found.default_schema_name, sorted(found.get_schema_names()))
    for schema in (None, "billing"):
        for table in sorted(found.get_table_names(schema)):
            print(table, found.get_table_comment(table, schema), found.get_pk_constraint(table, schema))
            for column in found.get_columns(table, schema):
                print(" ", column["name"], column["type"], column["nullable"])
            print(" ", found.get_foreign_keys(table, schema))
            print(" ", found.get_indexes(table, schema))
            print(" ", found.get_unique_constraints(table, schema))
            print(" ", found.get_check_constraints(table, schema))
    print(found.get_view_names(), found.get_materialized_view_names(), found.get_temp_table_names(), found.get_sequence_names())
    print(found.get_enums(), found.get_domains())
    print(found.get_multi_columns().keys() == found.get_multi_pk_constraint().keys(), found.has_table("books"), found.has_table("nothing"))
    print(found.has_sequence("loans_seq"), found.has_index("books", "books_title"))
    meta = MetaData()
    meta.reflect(connection, views=True)
    print(sorted(meta.tables))
    return meta


def used(connection):
    meta = inspected(connection)
    base = automap_base(metadata=meta)
    base.prepare()
    book, author = base.classes.books, base.classes.authors
    with Session(connection) as session:
        for b in session.scalars(select(book).order_by(book.id)):
            print(b.id, b.title, b.price, b.tags, b.attrs, b.shelf)
        new = author(name="Dora", id=50)
        session.add(new)
        session.flush()
        session.add_all([book(id=900 + n, title=f"t{n}", publisher_id=1, author_id=50, price=n) for n in range(5)])
        session.flush()
        print(session.scalars(select(func.count()).select_from(book).where(book.author_id == new.id)).one())
        print(session.execute(select(author.name, func.sum(book.price)).join(book, book.author_id == author.id).group_by(author.name).order_by(author.name)).all())
        session.execute(insert(author).values(id=50, name="Eva").on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"name": "Eva"}))
        session.refresh(new)
        print(new.name)
        session.get(book, 901).title = "changed"
        session.delete(session.get(book, 902))
        session.flush()
        print([b.title for b in session.scalars(select(book).where(book.id > 800).order_by(book.id).limit(3).offset(1))])
        session.rollback()


async def asynchronous(url):
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        await connection.run_sync(used)
    await engine.dispose()


env = os.environ
url = URL.create(sys.argv[1], env["PGUSER"], env["PGPASSWORD"], env["PGHOST"], int(env["PGPORT"]), env["PGDATABASE"])
if "asyncpg" in sys.argv[1]:
    asyncio.run(asynchronous(url))
else:
    with create_engine(url).connect() as connection:
        used(connection)
