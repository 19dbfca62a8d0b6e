INSERT INTO countries (code, name) VALUES
    ('DE', 'Germany'), ('FR', 'France'), ('GB', 'United Kingdom'), ('JP', 'Japan'), ('US', 'United States');

INSERT INTO customers (id, tenant_id, name, email, country) VALUES
    (101, 'acme',    'Road Runner Parcels',   'ops@roadrunner.example',     'US'),
    (102, 'acme',    'Desert Climbing Club',  'club@desertclimb.example',   'US'),
    (103, 'acme',    'Kaktus Logistik',       'einkauf@kaktus.example',     'DE'),
    (104, 'acme',    'Falaise Aventures',     'bonjour@falaise.example',    'FR'),
    (201, 'globex',  'Cypress Creek Power',   'plant@cypresscreek.example', 'US'),
    (202, 'globex',  'Hammock District',      'sales@hammocks.example',     'GB'),
    (203, 'globex',  'Nordlicht Reaktoren',   'kontakt@nordlicht.example',  'DE'),
    (301, 'initech', 'Penetrode',             'it@penetrode.example',       'US'),
    (302, 'initech', 'Flingers Restaurants',  'office@flingers.example',    'US'),
    (303, 'initech', 'Sakura Savings',        'desk@sakura.example',        'JP');

INSERT INTO products (id, tenant_id, name, price, stock) VALUES
    (1101, 'acme',    'Anvil, 50 kg',          189.00,  14),
    (1102, 'acme',    'Rocket skates',         420.00,   6),
    (1103, 'acme',    'Portable hole',          75.50,  30),
    (1104, 'acme',    'Earthquake pills',       12.90, 200),
    (1201, 'globex',  'Turbine blade',        8400.00,   3),
    (1202, 'globex',  'Control rod',          2150.00,  12),
    (1203, 'globex',  'Company hammock',        99.00,  50),
    (1301, 'initech', 'Cover sheet, 500 pcs',    9.80, 900),
    (1302, 'initech', 'Red stapler',            24.00,  40),
    (1303, 'initech', 'Printer, as is',        310.00,   5);

-- Two orders for each customer, and two or three lines for each order.
INSERT INTO orders (id, tenant_id, customer_id, placed_on, status)
SELECT c.id * 10 + n, c.tenant_id, c.id, DATE '2026-01-05' + ((c.id * 7 + n * 11) % 90)::int,
       CASE WHEN (c.id + n) % 3 = 0 THEN 'open' ELSE 'shipped' END
FROM customers c, generate_series(1, 2) n;

INSERT INTO order_lines (tenant_id, order_id, line_no, product_id, quantity, price)
SELECT o.tenant_id, o.id, p.line_no, p.id, 1 + ((o.id + p.id) % 4)::int, p.price
FROM orders o
JOIN (SELECT tenant_id, id, price, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS line_no FROM products) p
  ON p.tenant_id = o.tenant_id
WHERE (o.id + p.line_no) % 3 <> 0 OR p.line_no = 1;

SELECT setval(pg_get_serial_sequence('customers', 'id'), 1000),
       setval(pg_get_serial_sequence('products', 'id'), 2000),
       setval(pg_get_serial_sequence('orders', 'id'), 5000);
ANALYZE;
