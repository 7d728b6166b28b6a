-- Deploy parking:passes to pg
-- requires: reservations
--
-- What a driver shows at the lot: a code that stands for one reservation and says nothing by itself. Most reservations are
-- never shown, so a pass is made when it is first asked for.

begin;

set local role parking_owner;

create table parking.passes (
    tenant_id      bigint      not null,
    reservation_id bigint      not null,
    code           text        not null check (code ~ '^[A-Za-z0-9_-]{22}$'),
    issued_at      timestamptz not null,

    primary key (tenant_id, reservation_id),
    constraint one_reservation_a_code unique (tenant_id, code),
    foreign key (tenant_id, reservation_id) references parking.reservations (tenant_id, id)
);

comment on table parking.passes is 'The codes of reservations whose drivers have asked for one.';
comment on column parking.passes.code is '128 random bits in the letters of base64url (RFC 4648); whoever has it may look where and when, and not whose.';

-- A code names a reservation alone; the tenant follows from it.
create index passes_by_code on parking.passes (code);

select parking_private.isolate('parking.passes');
grant select (tenant_id, code) on parking.passes to parking_platform;


-- What check_pass() returns.
create type parking.pass_check as (
    state          text,
    reservation_id bigint,
    status         text,
    lot_id         bigint,
    lot            text,
    spot_id        bigint,
    spot           text,
    type           text,
    starts         timestamptz,
    ends           timestamptz,
    ended_at       timestamptz,
    time_zone      text,
    driver         text
);

comment on type parking.pass_check is
    'What there is to know of a pass. state: early, valid, over (the period has passed) or ended (it was cancelled or completed before that).';

commit;
