-- Deploy parking:membership to pg
-- requires: auditing
-- requires: finding_tenants
--
-- Who acts, and what they may do. A function that acts for somebody takes the actor's number and begins with
-- require_actor() or require_actor_or_dba(): it finds out whose data the call is about, enters that tenant and asks for
-- one permission. psql and REST go through the same door.

begin;

set local role parking_owner;

create function parking_private.find_tenant_of_person(person bigint)
    returns bigint
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return (select p.tenant_id from parking.people p where p.id = person);
end
$$;

comment on function parking_private.find_tenant_of_person(bigint) is 'Whose person this is; null: there is none.';


-- In SQL, so that it becomes a part of each query that asks; the rule stands here once.
create function parking_private.permitted(permission text)
    returns table (
        tenant_id bigint,
        person_id bigint
    )
    language sql
    stable
begin atomic
    select m.tenant_id, m.person_id
    from parking.memberships m
    join parking_private.role_permissions r on r.role = m.role
    where r.permission = permitted.permission or r.permission = '*' and permitted.permission <> 'write:tenants';
end;

comment on function parking_private.permitted(text) is
    'Who may do this, by one role or more; * is everything but to go beyond one''s own tenant.';


create function parking_private.find_actor(actor bigint, permission text)
    returns parking.people
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person parking.people;
begin
    select p.tenant_id, p.id, p.email, p.display_name, p.active, p.erased_at, p.created_at
    into v_person.tenant_id, v_person.id, v_person.email, v_person.display_name, v_person.active, v_person.erased_at, v_person.created_at
    from parking.people p
    where p.id = find_actor.actor
      and p.active
      and exists (
          select from parking_private.permitted(find_actor.permission) m where m.tenant_id = p.tenant_id and m.person_id = p.id
      );
    return v_person;
end
$$;

comment on function parking_private.find_actor(bigint, text) is
    'The active person with this number who may do this, without the password''s hash; null: there is none. Whose person it is, who it is and what they may in one query, since nearly every call begins with it.';


create function parking_private.has_permission(person parking.people, permission text)
    returns boolean
    language plpgsql
    stable
as $$
begin
    return exists (
        select
        from parking_private.permitted(has_permission.permission) m
        where m.tenant_id = person.tenant_id and m.person_id = person.id
    );
end
$$;

comment on function parking_private.has_permission(parking.people, text) is
    'Whether one of the person''s roles may do this.';


create function parking_private.require_person(actor bigint)
    returns parking.people
    language plpgsql
    volatile
as $$
declare
    v_tenant constant bigint := parking_private.find_tenant_of_person(actor);
    v_person parking.people;
begin
    perform parking_private.enter_tenant(v_tenant);
    select p.* into v_person
    from parking.people p
    where p.tenant_id = v_tenant and p.id = actor and p.active;
    if not found then
        perform parking_private.refuse('unknown-actor', 'This account does not exist, or it has been closed.');
    end if;
    return v_person;
end
$$;

comment on function parking_private.require_person(bigint) is
    'The active person with this number, their tenant entered, for what everybody may do with their own account; or the problem unknown-actor.';


create function parking_private.require_actor(actor bigint, permission text)
    returns parking.people
    language plpgsql
    volatile
as $$
declare
    v_person parking.people := parking_private.find_actor(actor, permission);
begin
    if v_person.id is null then
        v_person := parking_private.require_person(actor);
        perform parking_private.refuse('not-permitted', format('%s may not do this; it takes the permission %s.', v_person.email, permission));
    end if;
    -- No PERFORM, which would be a query.
    v_person.tenant_id := parking_private.enter_tenant(v_person.tenant_id);
    return v_person;
end
$$;

comment on function parking_private.require_actor(bigint, text) is
    'The active person with this number, without the password''s hash, who has this permission, their tenant entered; or the problems unknown-actor, not-permitted.';


create function parking_private.require_actor_or_dba(
    actor      bigint,
    permission text,
    tenant     bigint
)
    returns parking.people
    language plpgsql
    volatile
as $$
declare
    v_person parking.people;
begin
    if actor is null then
        -- session_user: a definer's current_user is its owner, whoever calls.
        if not pg_has_role(session_user, 'parking_dba', 'member') then
            perform parking_private.refuse('not-permitted', 'Nobody is named who acts; only a DBA may leave that out.');
        end if;
        perform parking_private.enter_tenant(tenant);
    else
        v_person := parking_private.require_actor(actor, permission);
        if tenant <> v_person.tenant_id and parking_private.has_permission(v_person, 'write:tenants') then
            perform parking_private.enter_tenant(tenant);
        end if;
    end if;
    return v_person;
end
$$;

comment on function parking_private.require_actor_or_dba(bigint, text, bigint) is
    'As require_actor(); without an actor it must be a DBA who calls, and nobody is returned. A DBA and a platform administrator enter this '
    'tenant; everybody else enters their own, in which what belongs to another one does not exist. Problems: unknown-actor, not-permitted.';


create function parking_private.judge_password(
    password text,
    email    text default null
)
    returns void
    language plpgsql
    stable
as $$
begin
    if password is null or octet_length(password) < 8 then
        perform parking_private.refuse('password-too-weak', 'A password takes at least 8 bytes.');
    elsif octet_length(password) > 72 then
        -- bcrypt would ignore the rest, and two different passwords would be the same.
        perform parking_private.refuse('password-too-long', 'A password takes at most 72 bytes.');
    elsif lower(password) = lower(email) then
        perform parking_private.refuse('password-too-weak', 'The password must not be the e-mail.');
    end if;
end
$$;

comment on function parking_private.judge_password(text, text) is
    'Refuse what cannot be a new password: password-too-weak, password-too-long. It costs nothing, unlike its hash.';


create function parking_private.hash_password(
    password text,
    email    text default null
)
    returns text
    language plpgsql
    volatile
as $$
declare
    c_cost constant integer := 10;  -- about 55 ms of a core
begin
    perform parking_private.judge_password(password, email);
    return extensions.crypt(password, extensions.gen_salt('bf', c_cost));
end
$$;

comment on function parking_private.hash_password(text, text) is
    'The bcrypt hash of a new password, or the problems password-too-weak, password-too-long.';


create function parking_private.is_above_tenants(actor parking.people)
    returns boolean
    language sql
    stable
    return actor.id is null
        or parking_private.current_tenant() <> actor.tenant_id
        or parking_private.has_permission(actor, 'write:tenants');

comment on function parking_private.is_above_tenants(parking.people) is
    'Whether require_actor_or_dba() let in somebody who is above the rules of one tenant: a DBA, or a platform administrator.';


create function parking_private.lock_person(person bigint, actor parking.people)
    returns parking.people
    language plpgsql
    volatile
as $$
declare
    v_person parking.people;
begin
    select p.* into v_person
    from parking.people p
    where p.tenant_id = parking_private.current_tenant() and p.id = lock_person.person and p.erased_at is null
    for update;
    if not found then
        perform parking_private.refuse('unknown-person', format('There is no person %s.', coalesce(person::text, 'without a number')));
    elsif v_person.id is distinct from actor.id
        and not parking_private.is_above_tenants(actor)
        and parking_private.has_permission(v_person, 'write:tenants')
    then
        -- Or the administrator of one tenant would become one of the platform by setting that person's password.
        perform parking_private.refuse('not-permitted', format('Only a platform administrator may change the account of %s.', v_person.email));
    end if;
    return v_person;
end
$$;

comment on function parking_private.lock_person(bigint, parking.people) is
    'A person of the tenant that was entered, locked, whose account the actor may change; or the problems unknown-person, not-permitted.';


create function parking_private.require_another_admin(person parking.people, actor parking.people)
    returns void
    language plpgsql
    volatile
as $$
begin
    if parking_private.is_above_tenants(actor)
        or not person.active
        or not exists (
            select from parking.memberships m
            where m.tenant_id = person.tenant_id and m.person_id = person.id and m.role = 'admin'
        )
    then
        return;
    end if;
    -- Or two administrators could remove each other at the same time.
    perform from parking.tenants t where t.id = person.tenant_id for no key update;
    if not exists (
        select
        from parking.memberships m
        join parking.people p on p.tenant_id = m.tenant_id and p.id = m.person_id
        where m.tenant_id = person.tenant_id and m.role = 'admin' and m.person_id <> person.id and p.active
    ) then
        perform parking_private.refuse('last-admin', format('Nobody but %s administers this tenant.', person.email));
    end if;
end
$$;

comment on function parking_private.require_another_admin(parking.people, parking.people) is
    'Before this person stops being an administrator: there is another one, or the actor is above tenants; or the problem last-admin.';


create function parking_private.member(person bigint)
    returns parking.members
    language sql
    volatile
begin atomic
    select t.slug, p.id, p.email, p.display_name, p.active,
           array(select m.role from parking.memberships m where m.tenant_id = p.tenant_id and m.person_id = p.id order by m.role),
           p.created_at
    from parking.people p
    join parking.tenants t on t.id = p.tenant_id
    where p.tenant_id = parking_private.current_tenant() and p.id = member.person;
end;

comment on function parking_private.member(bigint) is 'A person of the tenant that was entered, as a row of the view members.';


create function parking.find_person(
    email  text,
    tenant text default 'default'
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant constant bigint := parking_private.tenant_of(find_person.tenant);
    v_id     bigint;
begin
    perform parking_private.enter_tenant(v_tenant);
    select p.id into v_id
    from parking.people p
    where p.tenant_id = v_tenant
      and p.email = lower(find_person.email);
    if not found then
        perform parking_private.refuse('unknown-person',
            format('Nobody of tenant %s has the e-mail %s.', coalesce(quote_literal(tenant), 'null'), coalesce(quote_literal(email), 'null')));
    end if;
    return v_id;
end
$$;

comment on function parking.find_person(text, text) is
$$The number of the person with this e-mail, for use as the actor of other functions.

Problems: unknown-person.

Example:
    select parking.find_person('Driver1@parking.com') = parking.find_person('driver1@parking.com', tenant => 'default') as same;
     same
    ------
     t
    (1 row)$$;

grant execute on function parking.find_person(text, text) to parking_dba;


create function parking.staff_desk(
    actor  bigint,
    email  text,
    tenant text default 'default'
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant bigint;
    v_id     bigint;
begin
    if staff_desk.actor is not null then
        return staff_desk.actor;
    end if;
    v_tenant := parking_private.enter_tenant(parking_private.tenant_of(staff_desk.tenant));
    select p.id into v_id
    from parking.people p
    where p.tenant_id = v_tenant
      and p.email = lower(staff_desk.email)
      and array(select m.role from parking.memberships m where m.tenant_id = p.tenant_id and m.person_id = p.id) = array['attendant'];
    if not found then
        perform parking_private.refuse('unknown-actor', 'This desk has no attendant.');
    end if;
    return v_id;
end
$$;

comment on function parking.staff_desk(bigint, text, text) is
$$Who acts at a desk that is open to anybody: the actor, if there is one, else the attendant with this e-mail.

An open desk is no way to act for anybody who has another role. It is by e-mail rather than by number, because after a restore a
number is somebody else's.

Problems: unknown-actor.

Example:
    select parking.staff_desk(null, 'attendant@parking.com') = parking.find_person('attendant@parking.com') as attended;
     attended
    ----------
     t
    (1 row)$$;

grant execute on function parking.staff_desk(bigint, text, text) to parking_service, parking_dba;

-- Only a superuser may give an object away.
reset role;
alter function parking_private.find_tenant_of_person(bigint) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_person(bigint) to parking_owner;
grant execute on function parking_private.permitted(text) to parking_platform;
alter function parking_private.find_actor(bigint, text) owner to parking_platform;
grant execute on function parking_private.find_actor(bigint, text) to parking_owner;

commit;
