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
    created_at    timestamptz not null default parking.clock(),

    primary key (tenant_id, id),
    constraint one_account_per_email unique (tenant_id, email),
    constraint email_is_lower_case check (email = lower(email)),
    constraint email_looks_like_one check (email ~ '^[^@\s]+@[^@\s]+$' and length(email) <= 254),
    constraint password_is_bcrypt check (password_hash like '$2a$__$%')
);

comment on table parking.people is 'Drivers and staff. A person belongs to one tenant.';
comment on column parking.people.password_hash is 'bcrypt by pgcrypto; null: cannot sign in with a password.';
comment on column parking.people.active is 'A person who is not active can neither sign in nor book.';

-- A token and a DBA name a person by id alone; the tenant follows from it.
create index people_by_id on parking.people (id);

commit;
