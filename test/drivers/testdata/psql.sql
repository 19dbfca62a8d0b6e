-- What psql prints of this is the same on a database of one's own.
\set VERBOSITY terse
\pset null '(null)'
\echo == rows of the tenant
select * from customers order by id;
select * from orders where id < 100 order by id;
table countries;
\echo == join, grouping, window
select c.name, count(o.id), sum(o.amount) from customers c left join orders o on o.customer_id = c.id group by c.id, c.name order by c.name;
select id, rank() over (order by amount desc) from orders where id < 100 order by id;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select n.i, c.name from n join customers c on c.id = n.i order by 1;
\echo == errors
selec 1;
\echo :SQLSTATE
select * from nowhere;
\echo :SQLSTATE
insert into customers (id, name) values (1, 'twice');
\echo :SQLSTATE
select 1/0;
\echo :SQLSTATE
select nothing
  from customers;
\echo :SQLSTATE :LAST_ERROR_MESSAGE
\echo == transactions
begin;
insert into customers (id, name) values (400, 'psql') returning id, name;
savepoint s;
insert into customers (id, name) values (1, 'twice');
select 1;
rollback to savepoint s;
update customers set name = 'all' ;
\echo :ROW_COUNT
rollback;
select count(*) from customers where name = 'all';
begin;
select 1/0;
commit;
\echo == several statements in one message
select 1\; select id from customers order by id\; select 2;
select 1\; select 1/0\; select 2;
\echo == variables
select id as customer, name as who from customers where id = 2 \gset
\echo :customer :who
select :'who' as literal, :customer + 1 as number;
\echo == describe without running
select id, name from customers \gdesc
\echo == expanded, formats
\x on
select * from customers where id = 1;
\x off
\pset format csv
select * from orders where id < 100 order by id;
\pset format aligned
\echo == rows that are statements
select 'select ' || id from customers order by id \gexec
\echo == fetched in parts
\set FETCH_COUNT 0
select id from orders where id > 1000 and id < 1006 order by id;
\echo == autocommit off
\set AUTOCOMMIT off
insert into customers (id, name) values (401, 'psql');
rollback;
select count(*) from customers where id = 401;
commit;
\set AUTOCOMMIT on
\echo == on error rollback
\set ON_ERROR_ROLLBACK on
begin;
insert into customers (id, name) values (402, 'psql');
insert into customers (id, name) values (1, 'twice');
select count(*) from customers where id = 402;
rollback;
\set ON_ERROR_ROLLBACK off
\echo == settings
set application_name = 'from psql';
show application_name;
set search_path = nowhere;
select count(*) from customers;
reset search_path;
select count(*) from customers;
set datestyle = 'German';
select date '2024-02-29';
reset datestyle;
\echo == warnings
commit;
begin;
begin;
rollback;
\echo == text
select 'Größe 漢字 🐘' as unicode, E'\\x' as backslash, $q$it's$q$ as dollar, length('Größe');
\encoding
\echo == end
