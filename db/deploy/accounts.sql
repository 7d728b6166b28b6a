-- Deploy parking:accounts to pg
-- requires: granting
-- requires: session_life
-- requires: booking
-- requires: signing_in
--
-- The life of an account:
--
--     add_person ----> active <--reactivate/deactivate--> closed ----erase_person--> erased
--                           \---------------erase_person--------------------------/
--
-- An erased account is anonymous and cannot come back; to every function here it does not exist. Its row, its bookings
-- and the audit stay, and name nobody: the audit holds numbers of people and never their e-mails. It does keep the
-- addresses of the network from which things were done, those of an erased person too: that is its purpose, and an audit
-- that its owner could change would be none.
--
-- Lock order: person, then reservation, as in booking. An account is closed under the lock of its person, which a
-- booking's foreign key waits for.

begin;

set local role parking_owner;

create function parking_private.require_actor_in(tenant text, actor bigint, permission text)
    returns parking.people
    language plpgsql
    volatile
as $$
declare
    v_tenant constant bigint := parking_private.tenant_of(coalesce(require_actor_in.tenant, case when actor is null then 'default' end));
    v_actor  parking.people := parking_private.require_actor_or_dba(actor, permission, v_tenant);
begin
    if parking_private.current_tenant() is null
        or require_actor_in.tenant is not null and v_tenant is distinct from parking_private.current_tenant()
    then
        perform parking_private.refuse('unknown-tenant', format('There is no tenant %s.', quote_literal(coalesce(tenant, 'default'))));
    end if;
    return v_actor;
end
$$;

comment on function parking_private.require_actor_in(text, bigint, text) is
    'As require_actor_or_dba(), with the tenant''s name; without one, the actor''s own, or "default" for a DBA. Problem: unknown-tenant.';


create function parking_private.judge_account(email text, display_name text)
    returns void
    language plpgsql
    stable
as $$
begin
    if email is null or email !~ '^[^@\s]+@[^@\s]+$' or length(email) > 254 then
        perform parking_private.refuse('not-an-email', format('%s is no e-mail.', coalesce(quote_literal(left(email, 254)), 'null')));
    elsif display_name is null or display_name !~ '\S' or length(display_name) > 200 then
        perform parking_private.refuse('not-a-name', 'A person''s name has 1 to 200 characters, and not only spaces.');
    end if;
end
$$;

comment on function parking_private.judge_account(text, text) is 'Refuse what cannot be an account''s e-mail or name: not-an-email, not-a-name.';


create function parking.add_person(
    email        text,
    display_name text,
    tenant       text default null,
    role         text default 'driver',
    password     text default null,
    actor        bigint default null
)
    returns parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor  parking.people := parking_private.require_actor_in(tenant, actor, '*');
    v_tenant constant bigint := parking_private.current_tenant();
    v_email  constant text := lower(add_person.email);
    v_hash   text;
    v_id     bigint;
begin
    perform parking_private.judge_account(v_email, display_name);
    perform parking_private.require_grantable(role, v_actor);
    if password is not null then
        v_hash := parking_private.hash_password(password, v_email);
    end if;

    insert into parking.people as p (tenant_id, email, display_name, password_hash)
    values (v_tenant, v_email, add_person.display_name, v_hash)
    on conflict do nothing
    returning p.id into v_id;
    if not found then
        perform parking_private.refuse('email-taken', format('Another account has the e-mail %s.', v_email));
    end if;
    insert into parking.memberships (tenant_id, person_id, role) values (v_tenant, v_id, add_person.role);
    perform parking_private.audit(v_actor.id, 'person.added', 'person', v_id, jsonb_build_object('role', role));
    return parking_private.member(v_id);
end
$$;

comment on function parking.add_person(text, text, text, text, text, bigint) is
$$A new account: e-mail, name, the first role, and a password of 8 to 72 bytes, without which nobody can sign in to it.

The tenant is the actor's own, or "default" where a DBA names none. Capitals in an e-mail do not count.

Problems: unknown-actor, not-permitted, unknown-tenant, unknown-role, not-an-email, not-a-name, email-taken,
password-too-weak, password-too-long.

Example:
    select tenant, email, roles from parking.add_person('Jo@example.org', 'Jo', role => 'operator', password => 'correct horse');
     tenant  |     email      |   roles
    ---------+----------------+------------
     default | jo@example.org | {operator}
    (1 row)$$;

grant execute on function parking.add_person(text, text, text, text, text, bigint) to parking_service, parking_dba;


create function parking.list_people(
    actor   bigint,
    after   bigint default null,
    at_most integer default 100,
    tenant  text default null
)
    returns setof parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    perform parking_private.require_actor_in(tenant, actor, '*');
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows', format('At most %s people cannot be listed.', coalesce(at_most::text, 'null')));
    end if;
    return query
        select m.tenant, m.id, m.email, m.display_name, m.active, m.roles, m.created_at
        from (
            select p.id
            from parking.people p
            where p.tenant_id = parking_private.current_tenant()
              and p.erased_at is null
              and (list_people.after is null or p.id > list_people.after)
            order by p.id
            limit list_people.at_most
        ) n
        cross join lateral parking_private.member(n.id) m
        order by n.id;
end
$$;

comment on function parking.list_people(bigint, bigint, integer, text) is
$$The people of a tenant with their roles, so many at a time, those after a number; erased ones are gone.

The tenant is the actor's own; a platform administrator and a DBA may name another. A DBA gives null for the actor, or
reads the view parking.members.

Problems: unknown-actor, not-permitted, unknown-tenant, not-a-number-of-rows.

Example:
    select email, display_name, active, roles from parking.list_people(null, at_most => 2);
            email        | display_name | active |  roles
    ---------------------+--------------+--------+----------
     driver1@parking.com | Driver One   | t      | {driver}
     driver2@parking.com | Driver Two   | t      | {driver}
    (2 rows)$$;

grant execute on function parking.list_people(bigint, bigint, integer, text) to parking_service, parking_dba;


create function parking.show_person(
    person bigint,
    actor  bigint default null
)
    returns parking.members
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_member parking.members;
begin
    perform parking_private.require_actor_or_dba(actor, '*', parking_private.find_tenant_of_person(person));
    if exists (
        select from parking.people p
        where p.tenant_id = parking_private.current_tenant() and p.id = show_person.person and p.erased_at is null
    ) then
        v_member := parking_private.member(person);
    else
        perform parking_private.refuse('unknown-person', format('There is no person %s.', coalesce(person::text, 'without a number')));
    end if;
    return v_member;
end
$$;

comment on function parking.show_person(bigint, bigint) is
$$One person of the actor's tenant, with their roles.

Problems: unknown-actor, not-permitted, unknown-person.

Example:
    select email, display_name, roles from parking.show_person(parking.find_person('driver1@parking.com'));
            email        | display_name |  roles
    ---------------------+--------------+----------
     driver1@parking.com | Driver One   | {driver}
    (1 row)$$;

grant execute on function parking.show_person(bigint, bigint) to parking_service, parking_dba;


create function parking.change_person(
    person       bigint,
    email        text default null,
    display_name text default null,
    actor        bigint default null
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
    v_email  constant text := coalesce(lower(change_person.email), v_person.email);
    v_name   constant text := coalesce(change_person.display_name, v_person.display_name);
begin
    perform parking_private.judge_account(v_email, v_name);
    begin
        update parking.people p
        set email = v_email, display_name = v_name
        where p.tenant_id = v_person.tenant_id and p.id = v_person.id;
    exception when unique_violation then
        perform parking_private.refuse('email-taken', format('Another account has the e-mail %s.', v_email));
    end;
    if (v_email, v_name) <> (v_person.email, v_person.display_name) then
        perform parking_private.audit(v_actor.id, 'person.changed', 'person', v_person.id, jsonb_build_object(
            'email', v_email <> v_person.email, 'display_name', v_name <> v_person.display_name));
    end if;
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.change_person(bigint, text, text, bigint) is
$$Change a person's e-mail, name or both; what is not given stays. The audit says which of them changed, not what they are.

Problems: unknown-actor, not-permitted, unknown-person, not-an-email, not-a-name, email-taken.

Example:
    select email, display_name from parking.change_person(parking.find_person('driver2@parking.com'), display_name => 'Driver Zwei');
            email        | display_name
    ---------------------+--------------
     driver2@parking.com | Driver Zwei
    (1 row)$$;

grant execute on function parking.change_person(bigint, text, text, bigint) to parking_service, parking_dba;


create function parking.set_password(
    person   bigint,
    password text,
    actor    bigint default null
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
    update parking.people p
    set password_hash = parking_private.hash_password(set_password.password, p.email)
    where p.tenant_id = v_person.tenant_id and p.id = v_person.id;
    perform parking_private.end_sessions(v_person, 'password-changed');
    perform parking_private.audit(v_actor.id, 'password.changed', 'person', v_person.id);
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.set_password(bigint, text, bigint) is
$$Give somebody else's account a new password, of 8 to 72 bytes; whoever is signed in to it is signed out.

It is for administrators and DBAs. In psql the password is in the statement, and so perhaps in the server's log and in
psql's history; give a person one to be changed.

Problems: unknown-actor, not-permitted, unknown-person, password-too-weak, password-too-long.

Example:
    select email from parking.set_password(parking.find_person('driver2@parking.com'), 'correct horse');
            email
    ---------------------
     driver2@parking.com
    (1 row)

    select outcome from parking.sign_in('driver2@parking.com', 'correct horse');
      outcome
    -----------
     signed-in
    (1 row)$$;

grant execute on function parking.set_password(bigint, text, bigint) to parking_service, parking_dba;


create function parking.deactivate(
    person bigint,
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
    if v_person.active then
        perform parking_private.require_another_admin(v_person, v_actor);
        update parking.people p set active = false where p.tenant_id = v_person.tenant_id and p.id = v_person.id;
        perform parking_private.end_sessions(v_person, 'account-closed');
        perform parking_private.audit(v_actor.id, 'person.deactivated', 'person', v_person.id);
    end if;
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.deactivate(bigint, bigint) is
$$Close an account: nobody signs in to it, and what is open in its name is refused from the next call on.

Live bookings stay, and are released after their end like all that nobody completes. The last administrator of a tenant
stays one, unless a DBA or a platform administrator says otherwise.

Problems: unknown-actor, not-permitted, unknown-person, last-admin.

Example:
    select email, active from parking.deactivate(parking.find_person('driver2@parking.com'));
            email        | active
    ---------------------+--------
     driver2@parking.com | f
    (1 row)$$;

grant execute on function parking.deactivate(bigint, bigint) to parking_service, parking_dba;


create function parking.reactivate(
    person bigint,
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
    if not v_person.active then
        update parking.people p set active = true where p.tenant_id = v_person.tenant_id and p.id = v_person.id;
        perform parking_private.audit(v_actor.id, 'person.reactivated', 'person', v_person.id);
    end if;
    return parking_private.member(v_person.id);
end
$$;

comment on function parking.reactivate(bigint, bigint) is
$$Open an account again that was closed, with the password and the roles that it had.

Problems: unknown-actor, not-permitted, unknown-person.

Example:
    select email, active from parking.reactivate((parking.deactivate(parking.find_person('driver2@parking.com'))).id);
            email        | active
    ---------------------+--------
     driver2@parking.com | t
    (1 row)$$;

grant execute on function parking.reactivate(bigint, bigint) to parking_service, parking_dba;


create function parking_private.end_all(person parking.people, actor bigint)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_live    bigint[];
    v_now     timestamptz;
    v_booking record;
begin
    v_live := array(
        select r.id
        from parking.reservations r
        where r.tenant_id = person.tenant_id and r.person_id = person.id and r.status = 'active'
        order by r.ends, r.id  -- as book() and the checker do, or two of them would wait for each other
        for update
    );
    v_now := parking.clock();
    -- What is overdue is the stale checker's.
    for v_booking in
        update parking.reservations r
        set status = case when r.starts > v_now then 'cancelled' else 'completed' end, ended_at = v_now
        where r.tenant_id = person.tenant_id and r.id = any (v_live) and r.ends > v_now
        returning r.status, r.lot_id, r.spot_id, r.id, r.starts, r.ends
    loop
        perform parking_private.announce(person.tenant_id, v_booking.status, v_booking.lot_id, v_booking.spot_id, v_booking.id, actor,
            v_booking.starts, v_booking.ends, v_now);
    end loop;
end
$$;

comment on function parking_private.end_all(parking.people, bigint) is
    'End all live bookings of a person whose row is locked: cancel what has not begun, complete the rest.';


create function parking.erase_person(
    person bigint,
    actor  bigint default null
)
    returns timestamptz
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_actor  parking.people := case
        when actor = person then parking_private.require_person(actor)
        else parking_private.require_actor_or_dba(actor, '*', parking_private.find_tenant_of_person(person))
    end;
    v_person parking.people := parking_private.lock_person(person, v_actor);
    v_now    timestamptz;
begin
    perform parking_private.require_another_admin(v_person, v_actor);
    perform parking_private.end_all(v_person, v_actor.id);
    v_now := parking.clock();
    delete from parking.memberships m where m.tenant_id = v_person.tenant_id and m.person_id = v_person.id;
    update parking.people p
    -- Not the number: somebody may have taken such an address to keep a person from being erased.
    set email = format('erased-%s@erased.invalid', gen_random_uuid()),
        display_name = 'Erased',
        password_hash = null,
        active = false,
        erased_at = v_now
    where p.tenant_id = v_person.tenant_id and p.id = v_person.id;
    perform parking_private.end_sessions(v_person, 'account-erased');
    update parking.sessions s
    set address = null, user_agent = null
    where s.tenant_id = v_person.tenant_id and s.person_id = v_person.id;
    perform parking_private.audit(v_actor.id, 'person.erased', 'person', v_person.id);
    return v_now;
end
$$;

comment on function parking.erase_person(bigint, bigint) is
$$Make an account anonymous, for good; returns when. People may erase themselves, administrators the people of their tenant.

The e-mail becomes an address of the reserved domain .invalid, the name "Erased"; password and roles go. Bookings and the
audit stay and name nobody, but the audit keeps the addresses of the network that it has recorded. Live bookings are completed,
those that have not begun cancelled, so that their spots are free. The last administrator of a tenant stays, unless a DBA or a platform administrator says otherwise.

Problems: unknown-actor, not-permitted, unknown-person, last-admin.

Example:
    select parking.erase_person(parking.find_person('driver2@parking.com')) <= parking.clock() as erased;
     erased
    --------
     t
    (1 row)

    select regexp_replace(email, '-[0-9a-f-]{36}', '-…') as email, display_name, active, roles from parking.members where display_name = 'Erased';
              email          | display_name | active | roles
    -------------------------+--------------+--------+-------
     erased-…@erased.invalid | Erased       | f      | {}
    (1 row)$$;

grant execute on function parking.erase_person(bigint, bigint) to parking_service, parking_dba;

commit;
