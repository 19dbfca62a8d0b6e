"""asyncpg by itself: its codecs look types up."""
import asyncio

import asyncpg


async def main():
    connection = await asyncpg.connect(ssl=False)
    print(await connection.fetch("SELECT id, title, shelf, number, tags, attrs, code FROM books ORDER BY id"))
    print(await connection.fetchval("SELECT b FROM authors b WHERE id = $1", 1))
    print(await connection.fetchval("SELECT $1::shelf", "back"), await connection.fetchval("SELECT $1::shelf[]", ["back", "front"]))
    print(await connection.fetchval("SELECT array_agg(a ORDER BY a.id) FROM authors a"))
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=str)
    print(await connection.fetchval("SELECT attrs FROM books WHERE id = 1"))
    async with connection.transaction():
        async for row in connection.cursor("SELECT id FROM books ORDER BY id", prefetch=2):
            print(row["id"])
        await connection.copy_records_to_table("authors", records=[(60, "copied"), (61, "too")], columns=["id", "name"])
        print(await connection.execute("DELETE FROM authors WHERE id > 59"))
    statement = await connection.prepare("SELECT title FROM books WHERE id = ANY($1::bigint[])")
    print(statement.get_parameters(), statement.get_attributes(), await statement.fetch([1, 2]))
    await connection.reset()
    await connection.close()


asyncio.run(main())
