-- Two tenants' rows. The shared database keeps them all; the direct one is cut down to acme's.
CREATE TABLE countries (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE customers (
    tenant_id text NOT NULL,
    id        bigint NOT NULL,
    name      text NOT NULL,
    email     text,
    country   text REFERENCES countries,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, email)
);

CREATE TABLE orders (
    tenant_id   text NOT NULL,
    id          bigint NOT NULL,
    customer_id bigint NOT NULL,
    amount      numeric(12,2) NOT NULL CHECK (amount >= 0),
    note        text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)
);

-- One column for each type that the drivers send in text and in binary.
CREATE TABLE samples (
    tenant_id text NOT NULL,
    id        int NOT NULL,
    i2        int2,
    i4        int4,
    i8        int8,
    num       numeric,
    f8        float8,
    txt       text,
    bin       bytea,
    flag      bool,
    day       date,
    moment    timestamptz,
    uid       uuid,
    doc       jsonb,
    ints      int4[],
    words     text[],
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE secrets (
    tenant_id text NOT NULL,
    value     text
);

INSERT INTO countries VALUES ('DE', 'Germany'), ('NZ', 'New Zealand'), ('PE', 'Peru');

INSERT INTO customers VALUES
    ('acme', 1, 'Ada', 'ada@example.org', 'DE'),
    ('acme', 2, 'Bela', 'bela@example.org', 'PE'),
    ('acme', 3, 'Čeněk', NULL, NULL),
    ('globex', 1, 'GLOBEX-SECRET one', 'ada@example.org', 'NZ'),
    ('globex', 7, 'GLOBEX-SECRET two', 'seven@example.org', 'DE');

INSERT INTO orders VALUES
    ('acme', 10, 1, 12.50, 'first'),
    ('acme', 11, 1, 7.00, NULL),
    ('acme', 12, 2, 1000.00, 'große Bestellung'),
    ('globex', 10, 7, 66.60, 'GLOBEX-SECRET'),
    ('globex', 70, 1, 0.01, 'GLOBEX-SECRET');

INSERT INTO orders SELECT 'acme', n, 3, n, 'bulk' FROM generate_series(1001, 1050) n;
INSERT INTO orders SELECT 'globex', n, 7, n, 'GLOBEX-SECRET' FROM generate_series(1001, 1100) n;

INSERT INTO secrets VALUES ('acme', 'ACME-SECRET'), ('globex', 'GLOBEX-SECRET');
