-- Deploy parking:garages to pg
-- requires: lots
--
-- A lot becomes a garage when somebody says how many vehicles fit inside: then vehicles without a booking may enter it. What they
-- pay is a tariff like any other. Its row is also the lock of the lot: whoever takes room there, with a ticket or a booking, holds it.

begin;

set local role parking_owner;

create table parking.garages (
    tenant_id            bigint  not null,
    lot_id               bigint  not null,
    spaces               integer not null check (spaces >= 1 and spaces <= 100000),
    assumed_stay_seconds integer not null check (
        assumed_stay_seconds >= 60 and assumed_stay_seconds <= 604800 and assumed_stay_seconds % 60 = 0
    ),

    primary key (tenant_id, lot_id),
    foreign key (tenant_id, lot_id) references parking.lots (tenant_id, id)
);

comment on table parking.garages is 'Lots that vehicles without a booking may enter.';
comment on column parking.garages.spaces is 'How many vehicles fit inside, those with a booking included.';
comment on column parking.garages.assumed_stay_seconds is
    'How long a vehicle with a ticket is assumed to stay, in whole minutes, for bookings to know; one that stays longer is an overstayer.';

select parking_private.isolate('parking.garages');


create table parking.ticket_counters (
    tenant_id bigint primary key references parking.tenants (id),
    issued    bigint not null check (issued > 0)
);

comment on table parking.ticket_counters is
    'The number of each tenant''s last ticket: a sequence of all would tell one tenant how many vehicles another one has.';

select parking_private.isolate('parking.ticket_counters');


create type parking.garage as (
    lot_id            bigint,
    name              text,
    spaces            integer,
    assumed_stay      interval,
    hourly_rate_cents bigint,
    currency          text,
    time_zone         text
);

comment on type parking.garage is
    'A garage as the functions return it; hourly_rate_cents is what a stay of an hour from now on costs, null where no tariff knows a price.';

commit;
