-- What acme would have alone: its rows, and a default in place of the tenant that the proxy fills in.
DELETE FROM billing.invoices WHERE tenant_id <> 'acme';
DELETE FROM books_languages WHERE tenant_id <> 'acme';
DELETE FROM loans WHERE tenant_id <> 'acme';
DELETE FROM books WHERE tenant_id <> 'acme';
DELETE FROM authors WHERE tenant_id <> 'acme';
DELETE FROM publishers WHERE tenant_id <> 'acme';
ALTER TABLE publishers ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE authors ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE books ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE loans ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE books_languages ALTER tenant_id SET DEFAULT 'acme';
ALTER TABLE billing.invoices ALTER tenant_id SET DEFAULT 'acme';
DROP TABLE secrets;
