-- Deploy parking:events to pg
-- requires: people
-- requires: soundness
--
-- The record is partitioned by month, so that what is beyond the retention leaves as a table and not row by row.
-- parking.tend_events() makes the partitions ahead of time. The default one takes what has none, so that nothing that a
-- driver does can fail because nobody has made a partition.

begin;

set local role parking_owner;

create table parking.events (
    tenant_id      bigint      not null,
    id             bigint      generated always as identity,
    epoch          integer     not null,
    xid            xid8        not null default pg_current_xact_id(),
    type           text        not null,
    lot_id         bigint      not null,
    spot_id        bigint,
    reservation_id bigint,
    actor_id       bigint,
    starts         timestamptz not null,
    ends           timestamptz,
    at             timestamptz not null,
    former_starts  timestamptz,
    former_ends    timestamptz,

    primary key (tenant_id, id, at),
    constraint event_is_sound check (
        parking_private.is_sound_event(type, spot_id, reservation_id, ends, former_starts, former_ends)
    )
) partition by range (at);

comment on table parking.events is
    'What happened to which spot, when and by whom; append-only. The live feed and every history of bookings read it. '
    'It has no foreign keys: checking one to the spot would take a lock against the order.';
comment on column parking.events.epoch is
    'Transaction numbers are one series within an epoch. Restoring a backup begins a new one.';
comment on column parking.events.xid is
    'The writing transaction. Ids become visible out of order; a reader goes by this and its previous snapshot.';
comment on column parking.events.type is
    'booked; rescheduled to another period; cancelled before it began; completed: ended by the driver, or with the driver''s account; released by the stale checker; overridden: somebody said what state the spot is in, or took it back; entered, left: a vehicle with a ticket did; voided: its ticket was.';
comment on column parking.events.spot_id is 'Null: the event is about the lot as a whole, into which or out of which a vehicle went; the ticket says which.';
comment on column parking.events.ends is 'Until when the event concerns the spot or the lot; null, of an override and of a vehicle that entered: until further notice.';
comment on column parking.events.former_starts is 'With former_ends, the period that a reservation had before it was rescheduled to starts and ends; else null.';
comment on column parking.events.actor_id is 'Who did it; null: the stale checker, or a DBA.';
comment on column parking.events.at is 'When, by parking.clock().';

create index events_by_transaction on parking.events (epoch, xid);

-- Who reads by way of the whole is under the policies of the whole; who reads a partition by itself, under its own.
select parking_private.isolate('parking.events');
grant select on parking.events to parking_platform, parking_viewer;

create table parking_private.events_default partition of parking.events default;

comment on table parking_private.events_default is 'Events of months for which nobody has made a partition.';

select parking_private.isolate('parking_private.events_default');


create table parking_private.event_log (
    one       boolean  primary key default true check (one),
    epoch     integer  not null default 1 check (epoch > 0),
    retention interval not null default '13 months' check (retention >= '1 month'),
    beyond    text     not null default 'detach' check (beyond in ('detach', 'drop')),
    forgotten xid8     not null default '0'
);

comment on table parking_private.event_log is 'One row about the record of events as a whole.';
comment on column parking_private.event_log.retention is 'How long events stay in the record.';
comment on column parking_private.event_log.beyond is
    'detach: older months stay as tables of their own in parking_private; drop: they are dropped.';
comment on column parking_private.event_log.forgotten is
    'The last transaction of this epoch whose events have left the record: cursors from before it cannot go on.';

insert into parking_private.event_log default values;


create view parking.history with (security_barrier) as
select
    e.id,
    e.at,
    e.type,
    e.lot_id,
    e.spot_id,
    e.reservation_id,
    p.email as actor,
    e.starts,
    e.ends,
    e.former_starts,
    e.former_ends
from parking.events e
left join parking.people p on p.tenant_id = e.tenant_id and p.id = e.actor_id;

comment on view parking.history is 'The events with the e-mail of whoever caused them. No actor: the stale checker, or a DBA.';

grant select on parking.history to parking_dba, parking_reporting;

-- Only a superuser may give an object away.
reset role;
alter view parking.history owner to parking_viewer;

commit;
