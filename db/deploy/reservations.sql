-- Deploy parking:reservations to pg
-- requires: lots
-- requires: people
-- requires: soundness
--
-- The life of a reservation:
--
--     book --> active --cancel---------> cancelled    its driver or an operator, before it begins
--              active --complete-------> completed    its driver, whenever they leave
--              active --release_stale--> completed    nobody ended it; the stale checker does, after its end
--              active --reschedule-----> active       its driver: another period on the same spot
--
-- Nothing leads back from cancelled or completed. What was cancelled never began, so its ended_at lies before its start;
-- what was completed before its end held the spot until its ended_at. Erasing an account cancels what has not begun and
-- completes the rest.
--
-- A reservation holds its spot while it is active and its end lies ahead. That is the whole of availability: no other
-- table stores it, so a stale checker that sleeps costs no driver a spot.

begin;

set local role parking_owner;

-- What a type asks for is prepared once a session; what a table's CHECK asks for is read out of the catalogue by each insert anew,
-- which cost a booking more than any of its indexes. So a period, and the name of a request, are types.
create domain parking_private.period as tstzrange
    constraint period_has_an_end_after_its_start check (not isempty(value))
    constraint period_lies_in_sane_years check (lower(value) >= '2000-01-01 00:00+00' and upper(value) < '2200-01-01 00:00+00')
    -- Boards look back by these 168 hours to find what still runs; see parking_private.cells.
    constraint period_is_at_most_a_week check (upper(value) - lower(value) <= interval '7 days');

comment on domain parking_private.period is 'From a moment up to, not including, another, for which one may book a spot.';

create domain parking_private.request_id as text
    constraint a_request_has_a_name check (length(value) between 1 and 200);

comment on domain parking_private.request_id is 'What a client calls a request of its own.';


create table parking.reservations (
    tenant_id bigint      not null,
    lot_id    bigint      not null,
    spot_id   bigint      not null,
    id        bigint      generated always as identity,
    person_id bigint      not null,
    starts    timestamptz not null,
    ends      timestamptz not null,
    during    parking_private.period not null generated always as (tstzrange(starts, ends, '[)')) stored,
    status    text        not null default 'active',
    booked_at timestamptz not null,
    ended_at  timestamptz,
    moves     integer     not null default 0,

    quoted_cents bigint,
    currency     text,

    request_id parking_private.request_id,
    requested  tstzrange,

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id, spot_id) references parking.spots (tenant_id, lot_id, id),
    foreign key (tenant_id, person_id) references parking.people (tenant_id, id),

    constraint status_agrees_with_its_times check (parking_private.is_sound_status(status, starts, ended_at)),
    constraint a_request_and_a_quote_are_whole check (
        (request_id is null) = (requested is null) and (quoted_cents is null) = (currency is null) and coalesce(quoted_cents, 0) >= 0
    ),

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
comment on column parking.reservations.status is
    'active -> cancelled, before it begins (cancel); active -> completed, by the driver (complete) or after its end by the stale checker (release_stale).';
comment on column parking.reservations.ended_at is 'When it was cancelled, completed or released; null while it is active.';
comment on column parking.reservations.moves is
    'How often it was given another period, so that of two calendar files the newer one can be told. The record says when, and forgets.';
comment on column parking.reservations.quoted_cents is
    'What the period costs, as parking.quote() had it when it was booked or moved, in hundredths of the currency; null: no tariff knew a price.';
comment on column parking.reservations.request_id is
    'What the client called the request that made it, so that it can ask again without booking twice; null: it gave no name.';
comment on column parking.reservations.requested is 'The period that was asked for by that request, whatever became of it since.';

-- What is live is the same few pages whatever lies behind it, and what has ended grows for ever. An index of both would let a
-- booking change some page of years of history, which is to be read first and is written to the log as a whole. So there are
-- two of each, and who wants to know of both asks both. A booking is active and does not pay for those of what has ended.

-- Boards, searches and figures: what lies in a lot on a day.
create index reservations_live_by_lot on parking.reservations (tenant_id, lot_id, starts) where status = 'active';
create index reservations_ended_by_lot on parking.reservations (tenant_id, lot_id, starts) where status <> 'active';
-- One spot, by time: live reservations of a spot do not overlap, so in the order of their ends they are in that of their
-- starts as well, and the first one that ends after a moment is all that can be in the way.
create index reservations_live_by_spot on parking.reservations (tenant_id, spot_id, ends) where status = 'active';
-- The same of what has ended, for the list of a spot's reservations.
create index reservations_ended_by_spot on parking.reservations (tenant_id, spot_id, starts) where status <> 'active';
-- The stale checker: what is overdue.
create index reservations_live_by_end on parking.reservations (tenant_id, ends) where status = 'active';
-- A driver's own, page by page.
create index reservations_live_by_person on parking.reservations (tenant_id, person_id, starts, id) where status = 'active';
create index reservations_ended_by_person on parking.reservations (tenant_id, person_id, starts, id) where status <> 'active';
-- One request makes one reservation. Whoever gives no name does not pay for it.
create unique index one_reservation_a_request on parking.reservations (tenant_id, person_id, request_id) where request_id is not null;

select parking_private.isolate('parking.reservations');
grant select on parking.reservations to parking_viewer;


-- What is live and then what has ended: who asks for the bookings of a driver or a lot gets them from both indexes.
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
    l.time_zone,
    r.quoted_cents,
    r.currency
from parking.reservations r
join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id
where r.status = 'active'
union all
select
    r.tenant_id, r.id, r.lot_id, r.spot_id, s.name, p.email, r.starts, r.ends, r.status, r.booked_at, r.ended_at, l.time_zone,
    r.quoted_cents, r.currency
from parking.reservations r
join parking.spots s on s.tenant_id = r.tenant_id and s.id = r.spot_id
join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id
where r.status <> 'active';

comment on view parking.bookings is 'Reservations as people read them, and the row that the booking functions return.';
comment on column parking.bookings.time_zone is 'The lot''s; starts and ends are moments, this says by which wall clock they are meant.';

grant select on parking.bookings to parking_dba, parking_reporting;


-- What book() returns: a row of parking.bookings, and whether it was there before.
create type parking.booking_result as (
    tenant_id    bigint,
    id           bigint,
    lot_id       bigint,
    spot_id      bigint,
    spot         text,
    driver       text,
    starts       timestamptz,
    ends         timestamptz,
    status       text,
    booked_at    timestamptz,
    ended_at     timestamptz,
    time_zone    text,
    quoted_cents bigint,
    currency     text,
    replayed     boolean
);

comment on type parking.booking_result is
    'A row of parking.bookings; replayed: an earlier request of the same request_id has made it, and this one changed nothing.';


-- What list_reservations() returns.
create type parking.reservation_details as (
    id           bigint,
    period       text,
    status       text,
    starts       timestamptz,
    ends         timestamptz,
    spot_id      bigint,
    spot         text,
    type         text,
    "row"        text,
    floor        text,
    lot_id       bigint,
    lot          text,
    address      text,
    time_zone    text,
    driver       text,
    booked_at    timestamptz,
    ended_at     timestamptz,
    quoted_cents bigint,
    currency     text
);

comment on type parking.reservation_details is
    'A reservation with all that one needs to find the spot. period: coming, current or past, of which the last includes cancelled and completed.';


-- What alternatives() returns.
create type parking.alternative as (
    kind      text,
    spot_id   bigint,
    spot      text,
    type      text,
    starts    timestamptz,
    ends      timestamptz,
    time_zone text
);

comment on type parking.alternative is 'What may be booked instead. kind: other-spot, at the time that was asked for, or later-period, on the same spot.';

-- Only a superuser may give an object away.
reset role;
alter view parking.bookings owner to parking_viewer;

commit;
