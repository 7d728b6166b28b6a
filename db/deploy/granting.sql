-- Deploy parking:granting to pg
-- requires: membership
-- requires: auditing
--
-- Who may give which role: an administrator every one of the own tenant, platform only somebody who is above tenants. A
-- tenant whose administrators remove one another keeps the last.

begin;

set local role parking_owner;

create function parking.list_roles()
    returns table (
        role        text,
        meaning     text,
        permissions text[]
    )
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select r.role, r.meaning, array_agg(p.permission order by p.permission)
    from parking_private.roles r
    join parking_private.role_permissions p on p.role = r.role
    group by r.role, r.meaning
    order by r.role;
end;

comment on function parking.list_roles() is
$$The roles that a person can have, and what each permits; the same for every tenant.

Example:
    select role, permissions from parking.list_roles() where role in ('admin', 'driver');
      role  |                  permissions
    --------+------------------------------------------------
     admin  | {*}
     driver | {read:own_data,read:parking,write:reservation}
    (2 rows)$$;

grant execute on function parking.list_roles() to parking_service, parking_dba;


create function parking_private.require_grantable(role text, actor parking.people)
    returns void
    language plpgsql
    stable
as $$
begin
    if not exists (select from parking_private.roles r where r.role = require_grantable.role) then
        perform parking_private.refuse('unknown-role', format('There is no role %s.', coalesce(quote_literal(role), 'without a name')));
    elsif not parking_private.is_above_tenants(actor) and exists (
        select from parking_private.role_permissions p
        where p.role = require_grantable.role and p.permission = 'write:tenants'
    ) then
        perform parking_private.refuse('not-permitted', format('Only a platform administrator may give or take the role %s.', role));
    end if;
end
$$;

comment on function parking_private.require_grantable(text, parking.people) is
    'The role exists and the actor may give and take it; or the problems unknown-role, not-permitted.';


create function parking.assign_role(
    person bigint,
    role   text,
    actor  bigint default null
)
    returns parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor  parking.people := parking_private.require_actor_or_dba(actor, '*', parking_private.find_tenant_of_person(person));
    v_person parking.people := parking_private.lock_person(person, v_actor);
begin
    perform parking_private.require_grantable(role, v_actor);
    insert into parking.memberships (tenant_id, person_id, role)
    values (v_person.tenant_id, v_person.id, assign_role.role)
    on conflict do nothing;
    if found then
        perform parking_private.audit(v_actor.id, 'role.assigned', 'person', v_person.id, jsonb_build_object('role', role));
    end if;
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.assign_role(bigint, text, bigint) is
$$Give a person a role, which they may have already; returns the person with all roles.

Without an actor it is the DBA who does it. An administrator gives the roles of the own tenant; platform is given by
a DBA or by somebody who has it.

Problems: unknown-actor, not-permitted, unknown-person, unknown-role.

Example:
    select email, roles from parking.assign_role(parking.find_person('driver2@parking.com'), 'operator');
            email        |       roles
    ---------------------+-------------------
     driver2@parking.com | {driver,operator}
    (1 row)$$;

grant execute on function parking.assign_role(bigint, text, bigint) to parking_service, parking_dba;


create function parking.revoke_role(
    person bigint,
    role   text,
    actor  bigint default null
)
    returns parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor  parking.people := parking_private.require_actor_or_dba(actor, '*', parking_private.find_tenant_of_person(person));
    v_person parking.people := parking_private.lock_person(person, v_actor);
begin
    perform parking_private.require_grantable(role, v_actor);
    if role = 'admin' then
        perform parking_private.require_another_admin(v_person, v_actor);
    end if;
    delete from parking.memberships m
    where m.tenant_id = v_person.tenant_id and m.person_id = v_person.id and m.role = revoke_role.role;
    if found then
        perform parking_private.audit(v_actor.id, 'role.revoked', 'person', v_person.id, jsonb_build_object('role', role));
    end if;
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.revoke_role(bigint, text, bigint) is
$$Take a role from a person, who may not have it any more; returns the person with the roles that are left.

What the role permitted is refused from the next call on, also within a session that is open. The last administrator of a
tenant stays one, unless a DBA or a platform administrator says otherwise.

Problems: unknown-actor, not-permitted, unknown-person, unknown-role, last-admin.

Example:
    select email, roles from parking.revoke_role(parking.find_person('driver2@parking.com'), 'driver');
            email        | roles
    ---------------------+-------
     driver2@parking.com | {}
    (1 row)$$;

grant execute on function parking.revoke_role(bigint, text, bigint) to parking_service, parking_dba;

commit;
