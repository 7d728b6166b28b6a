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
    walk_ins        boolean          not null default false,
    priced          boolean          not null default false,
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
comment on column parking.lots.walk_ins is
    'Whether vehicles without a booking may enter: then it has a garage, and who books or enters locks that. It is here because every booking reads it.';
comment on column parking.lots.priced is 'Whether a tariff has been set, so that a booking has to ask for its price. It is here for the same reason.';
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

-- Only a superuser may give an object away.
reset role;
alter view parking.places owner to parking_viewer;

commit;
