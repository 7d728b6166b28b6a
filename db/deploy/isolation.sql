-- Deploy parking:isolation to pg
-- requires: context
--
-- Row-level security, as every table with rows of many tenants has it: see context for who sees what. Each noun calls
-- isolate() beside its table, so that a table which forgets it is found by the tests, and not by a tenant.

begin;

set local role parking_owner;

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

-- Only a superuser may give an object away.
reset role;
alter function parking_private.readable_tenants(name) owner to parking_platform;

commit;
