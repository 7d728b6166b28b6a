-- Deploy parking:people to pg
-- requires: tenants

begin;

set local role parking_owner;

create table parking.people (
    tenant_id     bigint      not null references parking.tenants (id),
    id            bigint      generated always as identity,
    email         text        not null,
    display_name  text        not null check (length(display_name) between 1 and 200),
    password_hash text,
    active        boolean     not null default true,
    erased_at     timestamptz,
    created_at    timestamptz not null default parking.clock(),

    primary key (tenant_id, id),
    constraint one_account_per_email unique (tenant_id, email),
    constraint email_is_lower_case check (email = lower(email)),
    constraint email_looks_like_one check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    constraint password_is_bcrypt check (password_hash like '$2a$__$%'),
    constraint an_erased_person_cannot_come_back check (erased_at is null or not active and password_hash is null)
);

comment on table parking.people is 'Drivers and staff. A person belongs to one tenant.';
comment on column parking.people.password_hash is 'bcrypt by pgcrypto; null: cannot sign in with a password.';
comment on column parking.people.active is 'A person who is not active can neither sign in nor book.';
comment on column parking.people.erased_at is
    'Since when nothing here says who it was. The row stays, because bookings and the audit refer to it.';

-- A session and a DBA name a person by id alone; the tenant follows from it.
create index people_by_id on parking.people (id);

select parking_private.isolate('parking.people');
grant select (tenant_id, id, email, display_name, active, created_at, erased_at) on parking.people to parking_platform;
grant select (tenant_id, id, email, display_name, active, created_at) on parking.people to parking_viewer;


create table parking_private.permissions (
    permission text primary key,
    meaning    text not null
);

comment on table parking_private.permissions is 'What a function may ask for; the same for all tenants.';

insert into parking_private.permissions (permission, meaning)
values ('read:parking',      'See lots, spots and what is free.'),
       ('write:reservation', 'Book, and end one''s own reservations.'),
       ('read:own_data',     'See one''s own reservations and account.'),
       ('write:parking',     'Change lots and spots and the state of a spot.'),
       ('write:garage',      'Let vehicles into a garage and out of it, and take their money.'),
       ('read:analytics',    'See how lots are used, and who booked what.'),
       ('write:tenants',     'Found tenants, and look after the people of each of them.'),
       ('*',                 'Everything within one''s own tenant.');


create table parking_private.roles (
    role    text primary key,
    meaning text not null
);

comment on table parking_private.roles is 'What a person may be in a tenant; the same for all tenants.';

insert into parking_private.roles (role, meaning)
values ('guest',     'Looks around. Whoever is not signed in is one.'),
       ('driver',    'Books.'),
       ('attendant', 'Sits at the desk of a garage.'),
       ('operator',  'Runs lots.'),
       ('admin',     'Runs the tenant: people, roles, lots.'),
       ('platform',  'Runs the installation: founds tenants.');


create table parking_private.role_permissions (
    role       text not null references parking_private.roles (role),
    permission text not null references parking_private.permissions (permission),

    primary key (role, permission)
);

comment on table parking_private.role_permissions is 'What each role may do.';

grant select on parking_private.role_permissions to parking_platform;

insert into parking_private.role_permissions (role, permission)
values ('guest',     'read:parking'),
       ('driver',    'read:parking'),
       ('driver',    'read:own_data'),
       ('driver',    'write:reservation'),
       ('attendant', 'read:parking'),
       ('attendant', 'read:own_data'),
       ('attendant', 'write:garage'),
       ('operator',  'read:parking'),
       ('operator',  'read:own_data'),
       ('operator',  'write:reservation'),
       ('operator',  'write:parking'),
       ('operator',  'write:garage'),
       ('operator',  'read:analytics'),
       ('admin',     '*'),
       ('platform',  '*'),
       ('platform',  'write:tenants');


create table parking.memberships (
    tenant_id bigint not null,
    person_id bigint not null,
    role      text   not null references parking_private.roles (role),

    primary key (tenant_id, person_id, role),
    foreign key (tenant_id, person_id) references parking.people (tenant_id, id)
);

comment on table parking.memberships is 'Which roles a person has; what a role may do is in parking_private.role_permissions.';

select parking_private.isolate('parking.memberships');
grant select on parking.memberships to parking_platform, parking_viewer;


create view parking.members with (security_barrier) as
select
    t.slug as tenant,
    p.id,
    p.email,
    p.display_name,
    p.active,
    array(select m.role from parking.memberships m where m.tenant_id = p.tenant_id and m.person_id = p.id order by m.role) as roles,
    p.created_at
from parking.people p
join parking.tenants t on t.id = p.tenant_id;

comment on view parking.members is 'People with their roles.';

grant select on parking.members to parking_dba, parking_reporting;

-- Only a superuser may give an object away.
reset role;
alter view parking.members owner to parking_viewer;

commit;
