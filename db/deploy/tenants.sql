-- Deploy parking:tenants to pg
-- requires: isolation

begin;

set local role parking_owner;

create table parking.tenants (
    id              bigint      generated always as identity primary key,
    slug            text        not null unique check (slug ~ '^[a-z][a-z0-9-]{0,62}$'),
    name            text        not null check (length(name) between 1 and 200),
    longest_booking interval    not null default '24 hours',
    booking_horizon interval    not null default '365 days',
    registration    text        not null default 'closed' check (registration in ('open', 'closed')),
    created_at      timestamptz not null default parking.clock(),

    constraint longest_booking_is_at_most_a_week check (longest_booking > '0' and longest_booking <= '7 days'),
    constraint booking_horizon_is_at_most_ten_years check (booking_horizon > '0' and booking_horizon <= '3650 days')
);

comment on table parking.tenants is 'A city or an operator. Everything below belongs to one tenant, whose id leads every key.';
comment on column parking.tenants.slug is 'The word by which people and settings name the tenant.';
comment on column parking.tenants.longest_booking is 'How long one booking may be; a lot may set its own.';
comment on column parking.tenants.registration is
    'open: whoever wants to may open an account as a driver; closed: an administrator adds people. parking.set_registration() changes it.';
comment on column parking.tenants.booking_horizon is 'How far ahead a booking may end; a lot may set its own.';

select parking_private.isolate('parking.tenants', tenant_column => 'id');
grant select on parking.tenants to parking_platform, parking_viewer;


create table parking_private.reporters (
    role_name name   primary key,
    tenant_id bigint not null references parking.tenants (id)
);

comment on table parking_private.reporters is 'Which tenant a database role of the group parking_reporting may look at.';

grant select on parking_private.reporters to parking_platform;

commit;
