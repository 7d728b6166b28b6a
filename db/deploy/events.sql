-- Deploy parking:events to pg
-- requires: people

begin;

set local role parking_owner;

create table parking.events (
    tenant_id      bigint      not null,
    id             bigint      generated always as identity,
    xid            xid8        not null default pg_current_xact_id(),
    type           text        not null check (type in ('booked', 'completed', 'released')),
    lot_id         bigint      not null,
    spot_id        bigint      not null,
    reservation_id bigint      not null,
    actor_id       bigint,
    starts         timestamptz not null,
    ends           timestamptz not null,
    at             timestamptz not null,

    primary key (tenant_id, id)
);

comment on table parking.events is
    'What happened to which spot, when and by whom; append-only. The live feed and every history of bookings read it. '
    'It has no foreign keys: checking one to the spot would take a lock against the order.';
comment on column parking.events.xid is
    'The writing transaction. Ids become visible out of order; a reader goes by this and its previous snapshot.';
comment on column parking.events.type is 'booked; completed by the driver; released by the stale checker.';
comment on column parking.events.actor_id is 'Who did it; null: the stale checker.';
comment on column parking.events.at is 'When, by parking.clock().';

create index events_by_transaction on parking.events (xid);


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
    e.ends
from parking.events e
left join parking.people p on p.tenant_id = e.tenant_id and p.id = e.actor_id;

comment on view parking.history is 'The events with the e-mail of whoever caused them; for DBAs. No actor: the stale checker.';

grant select on parking.history to parking_dba;

commit;
