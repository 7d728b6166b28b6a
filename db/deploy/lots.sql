-- Deploy parking:lots to pg
-- requires: tenants
--
-- lot > floor > row > spot. Each level repeats its lot, and each foreign key contains it, so that a spot cannot hang
-- under another lot's row, nor a reservation name a spot of another lot.
--
-- Nothing here is ever deleted. What is no longer in use is retired, together with everything in it, and its name is free
-- again; bookings of the past, the record and the audit keep what they refer to.

begin;

set local role parking_owner;

create function parking_private.amenities()
    returns text[]
    language sql
    immutable
    return array['bicycle-racks', 'car-wash', 'cctv', 'covered', 'ev-charging', 'lift', 'lighting', 'staffed', 'step-free', 'toilets'];

comment on function parking_private.amenities() is 'What a lot may offer besides its spots.';


create table parking.lots (
    tenant_id       bigint           not null references parking.tenants (id),
    id              bigint           generated always as identity,
    name            text             not null check (length(name) between 1 and 200),
    address         text             not null default '' check (length(address) <= 500),
    time_zone       text             not null,
    latitude        double precision check (latitude between -90 and 90),
    longitude       double precision check (longitude between -180 and 180),
    longest_booking interval,
    booking_horizon interval,
    public          boolean          not null default true,
    amenities       text[]           not null default '{}',
    created_at      timestamptz      not null default parking.clock(),
    retired_at      timestamptz,

    primary key (tenant_id, id),
    constraint amenities_are_known check (amenities <@ parking_private.amenities()),
    constraint time_zone_is_known check (time_zone ~ '^[A-Z]' and parking_private.is_time_zone(time_zone)),
    constraint longest_booking_is_at_most_a_week check (longest_booking > '0' and longest_booking <= '7 days'),
    constraint booking_horizon_is_at_most_ten_years check (booking_horizon > '0' and booking_horizon <= '3650 days'),
    constraint position_has_both_coordinates check ((latitude is null) = (longitude is null))
);

comment on table parking.lots is 'A place to park. Its slots, its "today" and its peak hour go by its own time zone.';
comment on column parking.lots.time_zone is 'IANA name, such as Europe/Berlin.';
comment on column parking.lots.latitude is 'Degrees north, WGS 84.';
comment on column parking.lots.longitude is 'Degrees east, WGS 84.';
comment on column parking.lots.public is 'Whether everybody may see what is free; else only people of the tenant may.';
comment on column parking.lots.longest_booking is 'How long one booking may be; null: as the tenant has it.';
comment on column parking.lots.booking_horizon is 'How far ahead a booking may end; null: as the tenant has it.';
comment on column parking.lots.retired_at is 'Since when nobody sees or books it any more.';

-- An address in the browser names a lot by id alone; the tenant follows from it.
create index lots_by_id on parking.lots (id);
-- Whoever reads a name must know which one is meant; capital letters do not tell two apart.
create unique index lot_name_is_taken on parking.lots (tenant_id, lower(name)) where retired_at is null;

select parking_private.isolate('parking.lots');
grant select on parking.lots to parking_platform, parking_viewer;


create table parking.floors (
    tenant_id  bigint      not null,
    lot_id     bigint      not null,
    id         bigint      generated always as identity,
    name       text        not null check (length(name) between 1 and 200),
    position   integer     not null,
    retired_at timestamptz,

    primary key (tenant_id, id),
    unique (tenant_id, lot_id, id),
    constraint floor_has_its_place unique (tenant_id, lot_id, position) deferrable,
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id)
);

comment on table parking.floors is 'A floor of a lot.';
comment on column parking.floors.position is 'Order within the lot, from the bottom; what is retired comes last.';
comment on column parking.floors.retired_at is 'Since when it is no longer in use.';

create index floors_by_id on parking.floors (id);
create unique index floor_name_is_taken on parking.floors (tenant_id, lot_id, lower(name)) where retired_at is null;

select parking_private.isolate('parking.floors');
grant select on parking.floors to parking_platform, parking_viewer;


create table parking.rows (
    tenant_id  bigint      not null,
    lot_id     bigint      not null,
    floor_id   bigint      not null,
    id         bigint      generated always as identity,
    name       text        not null check (length(name) between 1 and 200),
    position   integer     not null,
    retired_at timestamptz,

    primary key (tenant_id, id),
    unique (tenant_id, lot_id, id),
    constraint row_has_its_place unique (tenant_id, floor_id, position) deferrable,
    foreign key (tenant_id, lot_id, floor_id) references parking.floors (tenant_id, lot_id, id)
);

comment on table parking.rows is 'A row of spots on a floor.';
comment on column parking.rows.position is 'Order within the floor; what is retired comes last.';
comment on column parking.rows.retired_at is 'Since when it is no longer in use.';

create index rows_by_id on parking.rows (id);
create unique index row_name_is_taken on parking.rows (tenant_id, floor_id, lower(name)) where retired_at is null;

select parking_private.isolate('parking.rows');
grant select on parking.rows to parking_platform, parking_viewer;


create table parking.spots (
    tenant_id  bigint      not null,
    lot_id     bigint      not null,
    row_id     bigint      not null,
    id         bigint      generated always as identity,
    name       text        not null check (length(name) between 1 and 200),
    type       text        not null default 'regular' check (type in ('regular', 'handicap', 'compact', 'ev')),
    length_cm  integer     check (length_cm between 100 and 3000),
    width_cm   integer     check (width_cm between 50 and 1000),
    position   integer     not null,
    retired_at timestamptz,

    primary key (tenant_id, id),
    unique (tenant_id, lot_id, id),
    constraint spot_has_its_place unique (tenant_id, row_id, position) deferrable,
    foreign key (tenant_id, lot_id, row_id) references parking.rows (tenant_id, lot_id, id)
);

comment on table parking.spots is
    'Room for one vehicle. Whether it is free is nowhere stored: it is, while no live reservation overlaps.';
comment on column parking.spots.length_cm is 'Of the marked bay; null: nobody has measured it.';
comment on column parking.spots.position is 'Order within the row; what is retired comes last.';
comment on column parking.spots.retired_at is 'Since when it cannot be booked any more; a spot with history is never deleted.';

create index spots_by_id on parking.spots (id);
-- Within the whole lot: a driver is told the spot's name alone.
create unique index spot_name_is_taken on parking.spots (tenant_id, lot_id, lower(name)) where retired_at is null;

select parking_private.isolate('parking.spots');
grant select on parking.spots to parking_platform, parking_viewer;


create table parking.time_slots (
    tenant_id bigint not null,
    lot_id    bigint not null,
    starts    time   not null,
    ends      time   not null,

    primary key (tenant_id, lot_id, starts),
    constraint slot_is_not_empty check (starts <> ends),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id)
);

comment on table parking.time_slots is
    'The periods that the page offers on every day, by the lot''s wall clock. One that ends at or before its start ends on the next day.';

select parking_private.isolate('parking.time_slots');
grant select on parking.time_slots to parking_viewer;


create table parking.opening_hours (
    tenant_id bigint   not null,
    lot_id    bigint   not null,
    weekday   smallint not null check (weekday between 1 and 7),
    opens     time     not null,
    closes    time     not null,

    primary key (tenant_id, lot_id, weekday, opens, closes),
    constraint hours_are_not_empty check (opens <> closes),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id)
);

comment on table parking.opening_hours is
    'When a lot is open, by its wall clock; a lot without any is always open. What closes at or before it opens closes on the next day.';
comment on column parking.opening_hours.weekday is 'On which it opens: 1 is Monday, 7 is Sunday (ISO 8601).';

select parking_private.isolate('parking.opening_hours');
grant select on parking.opening_hours to parking_viewer;


-- What the functions return. A lot's limits are those in force: its own, or else its tenant's.
create type parking.lot_details as (
    id              bigint,
    name            text,
    address         text,
    time_zone       text,
    latitude        double precision,
    longitude       double precision,
    public          boolean,
    amenities       text[],
    opening_hours   text,
    slots           text[],
    longest_booking interval,
    booking_horizon interval,
    floors          bigint,
    spots           bigint
);

create type parking.floor_details as (
    id       bigint,
    lot_id   bigint,
    name     text,
    position integer,
    rows     bigint,
    spots    bigint
);

create type parking.row_details as (
    id       bigint,
    floor_id bigint,
    lot_id   bigint,
    name     text,
    position integer,
    spots    bigint
);

create type parking.spot_details as (
    id        bigint,
    row_id    bigint,
    floor_id  bigint,
    lot_id    bigint,
    name      text,
    type      text,
    length_cm integer,
    width_cm  integer,
    position  integer
);


create view parking.places with (security_barrier) as
select
    s.id        as spot_id,
    s.name      as spot,
    s.type,
    s.length_cm,
    s.width_cm,
    r.id        as row_id,
    r.name      as "row",
    f.id        as floor_id,
    f.name      as floor,
    l.id        as lot_id,
    l.name      as lot,
    l.time_zone,
    t.slug      as tenant,
    s.retired_at
from parking.spots s
join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
join parking.lots l on l.tenant_id = s.tenant_id and l.id = s.lot_id
join parking.tenants t on t.id = s.tenant_id;

comment on view parking.places is 'Every spot with the row, floor, lot and tenant that it lies in.';

grant select on parking.places to parking_dba, parking_reporting;


create function parking_private.find_tenant_of_lot(
    lot           bigint,
    tenant        text,
    out tenant_id bigint,
    out id        bigint
)
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    select l.tenant_id, l.id into find_tenant_of_lot.tenant_id, find_tenant_of_lot.id
    from parking.lots l
    where l.retired_at is null
      and l.id = coalesce(find_tenant_of_lot.lot, (
        select o.id
        from parking.lots o
        join parking.tenants t on t.id = o.tenant_id
        where t.slug = find_tenant_of_lot.tenant and o.retired_at is null
        order by o.public desc, o.id
        limit 1
    ));
end
$$;

comment on function parking_private.find_tenant_of_lot(bigint, text) is
    'A lot by its number, or the first public one of the tenant of this name (the first one, where none is public), and whose it is; null: there is none, or it is retired.';


create function parking_private.find_lot_of(
    kind          text,
    place         bigint,
    out tenant_id bigint,
    out lot_id    bigint
)
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select f.tenant_id, f.lot_id from parking.floors f where find_lot_of.kind = 'floor' and f.id = place and f.retired_at is null
    union all
    select r.tenant_id, r.lot_id from parking.rows r where find_lot_of.kind = 'row' and r.id = place and r.retired_at is null
    union all
    select s.tenant_id, s.lot_id from parking.spots s where find_lot_of.kind = 'spot' and s.id = place and s.retired_at is null;
end;

comment on function parking_private.find_lot_of(text, bigint) is
    'In which lot a floor, row or spot lies that is in use, and whose it is; null: there is none.';


create function parking_private.is_open(
    lot    parking.lots,
    starts timestamptz,
    ends   timestamptz
)
    returns boolean
    language sql
    stable
begin atomic
    select case
        when not exists (select from parking.opening_hours h where h.tenant_id = lot.tenant_id and h.lot_id = lot.id) then true
        -- No booking is longer, and a week is soon looked through.
        when not isfinite(is_open.starts) or not isfinite(is_open.ends) or is_open.ends - is_open.starts > interval '168 hours' then false
        else is_open.starts < is_open.ends and coalesce((
            -- Adjoining hours become one, so that midnight between two days of 24 hours is no gap.
            select range_agg(tstzrange(o.opens, o.closes)) @> tstzrange(least(is_open.starts, is_open.ends), is_open.ends)
            from (
                select (d.day + h.opens) at time zone lot.time_zone as opens,
                       (d.day + (h.closes <= h.opens)::integer + h.closes) at time zone lot.time_zone as closes
                from (
                    -- Hours that began on the day before may still run.
                    select (is_open.starts at time zone lot.time_zone)::date + n as day
                    from generate_series(-1, (is_open.ends at time zone lot.time_zone)::date - (is_open.starts at time zone lot.time_zone)::date) n
                ) d
                join parking.opening_hours h
                    on h.tenant_id = lot.tenant_id and h.lot_id = lot.id and h.weekday = extract(isodow from d.day)
            ) o
            where o.opens < o.closes  -- the hour that a day in spring lacks may swallow them
        ), false)
    end;
end;

comment on function parking_private.is_open(parking.lots, timestamptz, timestamptz) is
    'Whether a lot is open during the whole of a period; one without opening hours always is.';

-- Only a superuser may give an object away.
reset role;
alter view parking.places owner to parking_viewer;
alter function parking_private.find_tenant_of_lot(bigint, text) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_lot(bigint, text) to parking_owner;
alter function parking_private.find_lot_of(text, bigint) owner to parking_platform;
grant execute on function parking_private.find_lot_of(text, bigint) to parking_owner;

commit;
