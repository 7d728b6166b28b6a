-- Deploy parking:finding_tenants to pg
-- requires: tenants

begin;

set local role parking_owner;

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
alter function parking_private.tenant_of(text) owner to parking_platform;
grant execute on function parking_private.tenant_of(text) to parking_owner;
alter function parking_private.all_tenants() owner to parking_platform;
grant execute on function parking_private.all_tenants() to parking_owner;

commit;
