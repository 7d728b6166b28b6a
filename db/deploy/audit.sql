-- Deploy parking:audit to pg
-- requires: people
--
-- Who did what to which object, and from where: sign-ins, people, roles, lots, the state of spots. What happens to a booking
-- is in parking.events, with its actor, and is not written here again. The audit holds no secret and is never changed: its
-- owner has given up the right to.

begin;

set local role parking_owner;

create table parking.audit (
    tenant_id     bigint      not null references parking.tenants (id),
    id            bigint      generated always as identity,
    at            timestamptz not null,
    actor_id      bigint,
    database_role name        not null,
    address       inet,
    action        text        not null check (action ~ '^[a-z_]+\.[a-z_]+$'),
    object_type   text        not null check (object_type ~ '^[a-z_]+$'),
    object_id     bigint,
    details       jsonb       not null default '{}' check (jsonb_typeof(details) = 'object'),

    primary key (tenant_id, id)
);

comment on table parking.audit is 'Who did what to which object, when and from where; append-only.';
comment on column parking.audit.at is 'When, by parking.clock().';
comment on column parking.audit.actor_id is 'The person who did it; null: whoever was signed in to the database, or nobody yet.';
comment on column parking.audit.database_role is 'Who was signed in to the database: the service, or a DBA.';
comment on column parking.audit.address is 
    'The client''s address as the service saw it; null: a call from psql. It stays, also when its person is erased.';
comment on column parking.audit.action is 'The object and what was done to it: lot.built, role.assigned.';

create index audit_by_object on parking.audit (tenant_id, object_type, object_id);

select parking_private.isolate('parking.audit');
grant select on parking.audit to parking_viewer;
revoke update, delete, truncate on parking.audit from parking_owner;

commit;
