-- Deploy parking:tenancy to pg
-- requires: accounts

begin;

set local role parking_owner;

create function parking.list_tenants(actor bigint default null)
    returns table (
        id         bigint,
        slug       text,
        name       text,
        created_at timestamptz
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_tenant bigint;
begin
    perform parking_private.require_actor_or_dba(list_tenants.actor, 'write:tenants', null);
    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        return query select t.id, t.slug, t.name, t.created_at from parking.tenants t where t.id = v_tenant;
    end loop;
end
$$;

comment on function parking.list_tenants(bigint) is
$$Every tenant of the installation; for platform administrators and DBAs.

Problems: unknown-actor, not-permitted.

Example:
    select slug, name from parking.list_tenants() where slug = 'default';
      slug   |   name
    ---------+-----------
     default | Demo City
    (1 row)$$;

grant execute on function parking.list_tenants(bigint) to parking_service, parking_dba;


create function parking.found_tenant(
    slug           text,
    name           text,
    admin_email    text,
    admin_name     text default 'Administrator',
    admin_password text default null,
    actor          bigint default null
)
    returns parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor parking.people := parking_private.require_actor_or_dba(actor, 'write:tenants', null);
    v_id    bigint;
begin
    if slug is null or slug !~ '^[a-z][a-z0-9-]{0,62}$' then
        perform parking_private.refuse('not-a-tenant', format('%s cannot be the name of a tenant in addresses.', coalesce(quote_literal(left(slug, 100)), 'null')));
    elsif name is null or name !~ '\S' or length(name) > 200 then
        perform parking_private.refuse('not-a-name', 'A tenant''s name has 1 to 200 characters, and not only spaces.');
    end if;
    -- Two at once must not both find the name free.
    lock table parking.tenants in share row exclusive mode;
    if parking_private.tenant_of(slug) is not null then
        perform parking_private.refuse('tenant-taken', format('There is a tenant %s already.', quote_literal(slug)));
    end if;
    v_id := parking_private.found_tenant(slug, name);
    perform parking_private.audit(v_actor.id, 'tenant.founded', 'tenant', v_id, jsonb_build_object('slug', slug));
    return parking.add_person(admin_email, admin_name, slug, 'admin', admin_password, actor);
end
$$;

comment on function parking.found_tenant(text, text, text, text, text, bigint) is
$$A new tenant with its first administrator, who is returned; for platform administrators and DBAs.

Problems: unknown-actor, not-permitted, not-a-tenant, not-a-name, tenant-taken, and those of parking.add_person().

Example:
    select tenant, email, roles from parking.found_tenant('harbour', 'Harbour City', 'admin@harbour.example', admin_password => 'correct horse');
     tenant  |         email         |  roles
    ---------+-----------------------+---------
     harbour | admin@harbour.example | {admin}
    (1 row)$$;

grant execute on function parking.found_tenant(text, text, text, text, text, bigint) to parking_service, parking_dba;


create function parking.set_registration(
    tenant       text,
    registration text,
    actor        bigint default null
)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor  parking.people := parking_private.require_actor_in(tenant, actor, '*');
    v_tenant constant bigint := parking_private.current_tenant();
begin
    if registration is null or registration not in ('open', 'closed') then
        perform parking_private.refuse('not-a-registration', format('Registration cannot be %s.', coalesce(quote_literal(left(registration, 100)), 'null')));
    end if;
    update parking.tenants t
    set registration = set_registration.registration
    where t.id = v_tenant and t.registration <> set_registration.registration;
    if found then
        perform parking_private.audit(v_actor.id, 'tenant.changed', 'tenant', v_tenant, jsonb_build_object('registration', registration));
    end if;
    return registration;
end
$$;

comment on function parking.set_registration(text, text, bigint) is
$$Let everybody open an account in a tenant (open), or only its administrators (closed, as a new tenant is).

The tenant null means the actor's own, or "default" for a DBA.

Problems: unknown-actor, not-permitted, unknown-tenant, not-a-registration.

Example:
    select parking.set_registration('riverside', 'open');
     set_registration
    ------------------
     open
    (1 row)

    select outcome from parking.register('new@riverside.com', 'correct horse', 'New Driver', 'riverside');
      outcome
    ------------
     registered
    (1 row)$$;

grant execute on function parking.set_registration(text, text, bigint) to parking_service, parking_dba;


create function parking.add_reporter(
    role_name text,
    tenant    text
)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant constant bigint := parking_private.tenant_of(add_reporter.tenant);
begin
    if v_tenant is null then
        perform parking_private.refuse('unknown-tenant', format('There is no tenant %s.', coalesce(quote_literal(tenant), 'without a name')));
    end if;
    perform parking_private.enter_tenant(v_tenant);
    if not exists (
        select from pg_roles r
        where r.rolname = add_reporter.role_name and r.rolcanlogin and pg_has_role(r.oid, 'parking_reporting', 'member')
    ) then
        perform parking_private.refuse('not-a-reporter',
            format('%s is not a login of the group parking_reporting.', coalesce(quote_literal(role_name), 'null')));
    end if;
    insert into parking_private.reporters as r (role_name, tenant_id)
    values (add_reporter.role_name, v_tenant)
    on conflict on constraint reporters_pkey do update set tenant_id = excluded.tenant_id;
    perform parking_private.audit(null, 'reporter.added', 'database_role', null, jsonb_build_object('role', role_name));
    return format('%s sees tenant %s.', role_name, tenant);
end
$$;

comment on function parking.add_reporter(text, text) is
$$Let a database role of the group parking_reporting read the views of one tenant, and of no other.

A superuser makes the role first: create role city_reports login in role parking_reporting. Called again with another
tenant, it moves the role there.

Problems: unknown-tenant, not-a-reporter.

Example:
    select parking.add_reporter('nobody', 'default');
    ERROR:  'nobody' is not a login of the group parking_reporting.
    DETAIL:  Not a role for reports
    HINT:  A superuser makes one: create role … login in role parking_reporting.$$;

grant execute on function parking.add_reporter(text, text) to parking_dba;


create function parking.remove_reporter(role_name text)
    returns text
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant bigint;
begin
    delete from parking_private.reporters r where r.role_name = remove_reporter.role_name returning r.tenant_id into v_tenant;
    if not found then
        perform parking_private.refuse('not-a-reporter', format('%s sees no tenant.', coalesce(quote_literal(role_name), 'null')));
    end if;
    perform parking_private.enter_tenant(v_tenant);
    perform parking_private.audit(null, 'reporter.removed', 'database_role', null, jsonb_build_object('role', role_name));
    return format('%s sees nothing.', role_name);
end
$$;

comment on function parking.remove_reporter(text) is
$$Take back what parking.add_reporter() gave; the database role stays, and sees nothing.

Problems: not-a-reporter.

Example:
    select parking.remove_reporter('nobody');
    ERROR:  'nobody' sees no tenant.
    DETAIL:  Not a role for reports
    HINT:  A superuser makes one: create role … login in role parking_reporting.$$;

grant execute on function parking.remove_reporter(text) to parking_dba;

commit;
