-- Deploy parking:core to pg
-- requires: roles

begin;

create schema parking authorization parking_owner;
create schema parking_private authorization parking_owner;
create schema extensions authorization parking_owner;

comment on schema parking is 'What one may look at and call: \df parking.* is the API, select * from parking.help() its manual.';
comment on schema parking_private is 'Helpers of the functions in parking; nobody calls them from outside.';
comment on schema extensions is 'Other people''s functions, kept out of the way: btree_gist alone brings 188.';

create extension btree_gist with schema extensions;
create extension pgcrypto with schema extensions;

grant usage on schema parking to parking_service, parking_dba, parking_reporting, parking_platform, parking_viewer;
grant usage on schema parking_private to parking_platform, parking_viewer;

-- Without "in schema": limited to a schema, this revocation would do nothing.
alter default privileges for role parking_owner revoke execute on functions from public;

set local role parking_owner;

create table parking_private.clock_shift (
    one   boolean  primary key default true check (one),
    shift interval not null default '0'
);

comment on table parking_private.clock_shift is
    'How far parking.clock() is ahead of the real time: zero, except in tests of expiry and of slots.';

insert into parking_private.clock_shift default values;

create table parking_private.time_zones (
    name text primary key
);

comment on table parking_private.time_zones is
    'The time zones that PostgreSQL knew when this was deployed: the view pg_timezone_names reads a thousand files, 60 ms for each look.';

insert into parking_private.time_zones (name)
select z.name
from pg_timezone_names z;

commit;
