-- The schema of the golden cases about sequences.
CREATE SCHEMA billing;
CREATE TABLE orders (id bigserial PRIMARY KEY, tenant_id text NOT NULL, n int);
CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, name text);
CREATE TABLE billing."Bills" ("Id" serial PRIMARY KEY, tenant_id text NOT NULL);
CREATE SEQUENCE ticket_numbers;
CREATE TABLE tickets (id bigint PRIMARY KEY, tenant_id text NOT NULL, number bigint DEFAULT nextval('ticket_numbers'));
CREATE TABLE countries (id serial PRIMARY KEY, name text);
CREATE TABLE secrets (id serial PRIMARY KEY, tenant_id text NOT NULL);
CREATE SEQUENCE loose;
