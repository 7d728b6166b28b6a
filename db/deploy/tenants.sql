-- Deploy parking:tenants to pg
-- requires: context

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


create table parking_private.reporters (
    role_name name   primary key,
    tenant_id bigint not null references parking.tenants (id)
);

comment on table parking_private.reporters is 'Which tenant a database role of the group parking_reporting may look at.';


create function parking_private.readable_tenants(who name)
    returns setof bigint
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return query
        select t.id from parking.tenants t where pg_has_role(who, 'parking_dba', 'member')
        union
        select r.tenant_id from parking_private.reporters r where r.role_name = who;
end
$$;

comment on function parking_private.readable_tenants(name) is
    'The tenants whose rows this database role sees in the views: all for the group parking_dba, one for a reporter, else none.';

grant select on parking_private.reporters to parking_platform;
-- Who looks at a view calls what is in its policies.
grant execute on function parking_private.readable_tenants(name) to parking_dba, parking_reporting;


create function parking_private.isolate(tenants_table regclass, tenant_column name default 'tenant_id')
    returns void
    language plpgsql
    volatile
as $$
begin
    execute format('alter table %s enable row level security', tenants_table);
    execute format('alter table %s force row level security', tenants_table);
    -- A sub-select is evaluated once a query, and its result finds an index.
    execute format('create policy entered_tenant on %s to parking_owner using (%I = (select parking_private.current_tenant()))',
        tenants_table, tenant_column);
    execute format('create policy every_tenant on %s for select to parking_platform using (true)', tenants_table);
    execute format(
        'create policy readable_tenants on %s for select to parking_viewer '
        'using (%I = any (array(select parking_private.readable_tenants(current_user))))', tenants_table, tenant_column);
end
$$;

comment on function parking_private.isolate(regclass, name) is
    'Row-level security for a table with rows of many tenants: enabled, forced, and its three policies.';


select parking_private.isolate('parking.tenants', tenant_column => 'id');
grant select on parking.tenants to parking_platform, parking_viewer;


create function parking_private.found_tenant(slug text, name text)
    returns bigint
    language plpgsql
    volatile
as $$
declare
    -- The policy asks for the id before there is a row.
    v_id bigint := nextval(pg_get_serial_sequence('parking.tenants', 'id'));
begin
    perform parking_private.enter_tenant(v_id);
    insert into parking.tenants (id, slug, name) overriding system value values (v_id, found_tenant.slug, found_tenant.name);
    return v_id;
end
$$;

comment on function parking_private.found_tenant(text, text) is 'A new tenant, entered.';


create function parking_private.tenant_of(slug text)
    returns bigint
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select t.id from parking.tenants t where t.slug = tenant_of.slug;
end;

comment on function parking_private.tenant_of(text) is 'The tenant of this name; null: there is none.';


create function parking_private.all_tenants()
    returns setof bigint
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select t.id from parking.tenants t order by t.id;
end;

comment on function parking_private.all_tenants() is 'Every tenant, for those who look after all of them one by one.';

-- Only a superuser may give an object away.
reset role;
alter function parking_private.readable_tenants(name) owner to parking_platform;
alter function parking_private.tenant_of(text) owner to parking_platform;
grant execute on function parking_private.tenant_of(text) to parking_owner;
alter function parking_private.all_tenants() owner to parking_platform;
grant execute on function parking_private.all_tenants() to parking_owner;

commit;
