-- Deploy parking:overrides to pg
-- requires: lots
-- requires: people
--
-- The state of a spot is what one would see standing in front of it:
--
--     free         nobody stands there and nobody has booked it for now
--     reserved     a live booking runs now, or somebody says so
--     occupied     a vehicle stands there
--     maintenance  nobody may park there; it cannot be booked for as long as that lasts
--     unknown      nobody can tell
--
-- free and reserved follow from the bookings and are nowhere stored. What somebody says is an override, in force from
-- its start until it ends, is ended or is followed by another one; then the state is derived again. From which state
-- one may say which is in spot_state_transitions; free may always be said, and ends the override.

begin;

set local role parking_owner;

create table parking_private.spot_states (
    state   text primary key,
    meaning text not null
);

comment on table parking_private.spot_states is 'The states of a spot; the same for all tenants.';

insert into parking_private.spot_states (state, meaning)
values ('free',        'Nobody stands there and nobody has booked it for now.'),
       ('reserved',    'A live booking runs now, or somebody says so.'),
       ('occupied',    'A vehicle stands there.'),
       ('maintenance', 'Nobody may park there, and it cannot be booked.'),
       ('unknown',     'Nobody can tell.');


create table parking_private.spot_state_transitions (
    from_state text not null references parking_private.spot_states (state),
    to_state   text not null references parking_private.spot_states (state),

    primary key (from_state, to_state)
);

comment on table parking_private.spot_state_transitions is
    'Which state an override may give a spot that is in another one. Whatever it is in, it may be set free, and the same may be said again.';

insert into parking_private.spot_state_transitions (from_state, to_state)
values ('free',        'reserved'),
       ('free',        'occupied'),
       ('free',        'maintenance'),
       ('free',        'unknown'),
       ('reserved',    'occupied'),
       ('reserved',    'maintenance'),
       ('reserved',    'unknown'),
       ('occupied',    'maintenance'),
       ('occupied',    'unknown'),
       ('unknown',     'reserved'),
       ('unknown',     'occupied'),
       ('unknown',     'maintenance');


create table parking.overrides (
    tenant_id bigint      not null,
    lot_id    bigint      not null,
    spot_id   bigint      not null,
    id        bigint      generated always as identity,
    state     text        not null references parking_private.spot_states (state) check (state <> 'free'),
    source    text        not null check (source in ('operator', 'sensor')),
    reason    text        not null check (reason ~ '\S' and length(reason) <= 500),
    set_by    bigint,
    starts    timestamptz not null,
    ends      timestamptz,
    ended_at  timestamptz,
    ended_by  bigint,

    primary key (tenant_id, id),
    foreign key (tenant_id, lot_id, spot_id) references parking.spots (tenant_id, lot_id, id),
    foreign key (tenant_id, set_by) references parking.people (tenant_id, id),
    foreign key (tenant_id, ended_by) references parking.people (tenant_id, id),

    constraint override_has_an_end_after_its_start check (ends > starts),
    constraint override_lies_in_sane_years check (starts >= '2000-01-01 00:00+00' and ends < '2200-01-01 00:00+00'),
    constraint who_ended_it_ended_it check (ended_by is null or ended_at is not null),
    constraint an_operator_is_a_person check (source <> 'operator' or set_by is not null)
);

comment on table parking.overrides is 'What somebody says about the state of a spot, from when until when.';
comment on column parking.overrides.source is 'Who says so: an operator, or a sensor.';
comment on column parking.overrides.ends is 'Until when it was meant to last; null: until further notice.';
comment on column parking.overrides.ended_at is
    'When it was ended or followed by another one; null: it is in force, as long as its end lies ahead.';

-- A spot has one that was not ended. It is what book() asks for, and what a lot's board does.
create unique index one_override_at_a_time on parking.overrides (tenant_id, lot_id, spot_id) where ended_at is null;

select parking_private.isolate('parking.overrides');
grant select on parking.overrides to parking_viewer;


create type parking.spot_condition as (
    lot_id    bigint,
    spot_id   bigint,
    spot      text,
    state     text,
    source    text,
    reason    text,
    since     timestamptz,
    until     timestamptz,
    time_zone text,
    hits      jsonb
);

comment on type parking.spot_condition is
    'The state of a spot at one moment. source: bookings, operator or sensor; since and until: of the override or of the booking, else null.';


create view parking.spot_overrides with (security_barrier) as
select
    t.slug  as tenant,
    o.lot_id,
    o.spot_id,
    s.name  as spot,
    o.id,
    o.state,
    o.source,
    o.reason,
    p.email as set_by,
    o.starts,
    o.ends,
    o.ended_at,
    q.email as ended_by
from parking.overrides o
join parking.tenants t on t.id = o.tenant_id
join parking.spots s on s.tenant_id = o.tenant_id and s.id = o.spot_id
left join parking.people p on p.tenant_id = o.tenant_id and p.id = o.set_by
left join parking.people q on q.tenant_id = o.tenant_id and q.id = o.ended_by;

comment on view parking.spot_overrides is 'What was said about the state of spots, by whom, and until when.';

grant select on parking.spot_overrides to parking_dba, parking_reporting;

-- Only a superuser may give an object away.
reset role;
alter view parking.spot_overrides owner to parking_viewer;

commit;
