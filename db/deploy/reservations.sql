-- Deploy parking:reservations to pg
-- requires: lots
-- requires: people
--
-- The life of a reservation:
--
--     book ----> active --complete----> completed     the driver leaves
--                     \--release_stale-> completed    nobody ended it; the stale checker does, after its end
--
-- A reservation holds its spot while it is active and its end lies ahead. That is the whole of availability: no other
-- table stores it, so a stale checker that sleeps costs no driver a spot.

begin;

set local role parking_owner;

create table parking.reservations (
    tenant_id bigint      not null,
    lot_id    bigint      not null,
    spot_id   bigint      not null,
    id        bigint      generated always as identity,
    person_id bigint      not null,
    starts    timestamptz not null,
    ends      timestamptz not null,
    during    tstzrange   not null generated always as (tstzrange(starts, ends, '[)')) stored,
    status    text        not null default 'active' check (status in ('active', 'completed')),
    booked_at timestamptz not null,
    ended_at  timestamptz,

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id, spot_id) references parking.spots (tenant_id, lot_id, id),
    foreign key (tenant_id, person_id) references parking.people (tenant_id, id),

    constraint period_has_an_end_after_its_start check (starts < ends),
    constraint period_lies_in_sane_years check (starts >= '2000-01-01 00:00+00' and ends < '2200-01-01 00:00+00'),
    -- Boards look back by these 168 hours to find what still runs; see parking_private.cells.
    constraint period_is_at_most_a_week check (ends - starts <= interval '7 days'),
    constraint only_an_active_reservation_has_no_end check ((status = 'active') = (ended_at is null)),

    -- The law. Whatever a function checks before is a courtesy.
    constraint spot_taken exclude using gist (
        tenant_id with =,
        spot_id with =,
        during with &&
    ) where (status = 'active')
);

comment on table parking.reservations is 'One spot, one person, one half-open period [starts, ends).';
comment on column parking.reservations.during is
    'For the exclusion constraint, and for nothing else: under row-level security && finds no index.';
comment on column parking.reservations.status is 'active -> completed, by the driver (complete) or after its end by the stale checker (release_stale).';
comment on column parking.reservations.ended_at is 'When it was completed or released; null while it is active.';

-- Boards, searches and figures: what lies in a lot on a day.
create index reservations_by_lot on parking.reservations (tenant_id, lot_id, starts);
-- One spot, by time: live reservations of a spot do not overlap, so in the order of their ends they are in that of their
-- starts as well, and the first one that ends after a moment is all that can be in the way.
create index reservations_live_by_spot on parking.reservations (tenant_id, spot_id, ends) where status = 'active';
-- The stale checker: what is overdue.
create index reservations_live_by_end on parking.reservations (tenant_id, ends) where status = 'active';
-- A driver's own, and the foreign key to people.
create index reservations_by_person on parking.reservations (tenant_id, person_id, starts);

select parking_private.isolate('parking.reservations');
grant select on parking.reservations to parking_viewer;


create view parking.bookings with (security_barrier) as
select
    r.tenant_id,
    r.id,
    r.lot_id,
    r.spot_id,
    s.name  as spot,
    p.email as driver,
    r.starts,
    r.ends,
    r.status,
    r.booked_at,
    r.ended_at,
    l.time_zone
from parking.reservations r
join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id;

comment on view parking.bookings is 'Reservations as people read them, and the row that the booking functions return.';
comment on column parking.bookings.time_zone is 'The lot''s; starts and ends are moments, this says by which wall clock they are meant.';

grant select on parking.bookings to parking_dba, parking_reporting;

-- Only a superuser may give an object away.
reset role;
alter view parking.bookings owner to parking_viewer;

commit;
