-- The schema of the golden cases about extensions. They live in a schema of their own, as many people keep them.
CREATE SCHEMA extensions;
CREATE EXTENSION pgcrypto SCHEMA extensions;
CREATE EXTENSION "uuid-ossp" SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION unaccent SCHEMA extensions;
CREATE EXTENSION ltree SCHEMA extensions;
CREATE EXTENSION tablefunc SCHEMA extensions;
CREATE EXTENSION intarray SCHEMA extensions;
CREATE EXTENSION dblink SCHEMA extensions;
CREATE TABLE items (
  id uuid PRIMARY KEY DEFAULT extensions.uuid_generate_v4(),
  tenant_id text NOT NULL,
  name text NOT NULL,
  email extensions.citext,
  attrs extensions.hstore,
  path extensions.ltree,
  nums int[]
);
-- A user's function of an extension function's name, in a schema beside it.
CREATE SCHEMA odd;
CREATE FUNCTION odd.similarity(a text, b text) RETURNS real LANGUAGE sql AS 'SELECT 1::real';
CREATE FUNCTION odd.split_part(a extensions.citext, b text, c int) RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
