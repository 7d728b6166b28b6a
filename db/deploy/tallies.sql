-- Deploy parking:tallies to pg
-- requires: events
--
-- Counters for those who watch the installation. The record itself is no counter: counting it takes longer each month,
-- and it shrinks when a month leaves it. So what is counted is remembered, with the snapshot up to which it was: the next
-- reading adds what has become visible since. Nothing that books or ends a reservation touches these tables.

begin;

set local role parking_owner;

create table parking_private.tallies (
    type  text   primary key,
    total bigint not null check (total >= 0)
);

comment on table parking_private.tallies is 'How many events of each type there have been, in all tenants together; never less than before.';

create table parking_private.tally_mark (
    one     boolean     primary key default true check (one),
    epoch   integer     not null,
    counted pg_snapshot not null
);

comment on table parking_private.tally_mark is 'Up to where the record is counted: what is visible in this snapshot of this epoch, and all before that epoch.';

-- A counter that begins at nothing shows its first step.
insert into parking_private.tallies (type, total) values
    ('booked', 0), ('rescheduled', 0), ('cancelled', 0), ('completed', 0), ('released', 0);

insert into parking_private.tally_mark (epoch, counted) select l.epoch, '3:3:' from parking_private.event_log l;

commit;
