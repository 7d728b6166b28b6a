-- Deploy parking:signing_in to pg
-- requires: session_life
--
-- Accounts and passwords, as their owners use them. Nothing here tells an account that exists from one that does not: both
-- are counted, hashed and audited alike. What a refusal must leave behind would be lost with an error, so these functions
-- return their outcome: signed-in, wrong-credentials, too-many-attempts.
--
-- A guess is counted under the account and the address, under the address, and, from an address that has never signed in to
-- the account, under the account alone. So a thousand machines cannot guess for long, and still do not lock out
-- the owner, who has signed in from home before. The right password takes these back; but what costs a hash
-- counts under the address as a sign-in in any case, or whoever has one account could keep the cores busy with it.

begin;

set local role parking_owner;

create function parking_private.check_password(person parking.people, password text)
    returns boolean
    language sql
    volatile
begin atomic
    -- The stand-in is a hash of nobody's password, at the cost that real ones have: whoever has none takes as long. bcrypt
    -- reads 72 bytes, so a longer password only seems to be right.
    select coalesce(
        extensions.crypt(coalesce(password, ''),
            coalesce(person.password_hash, '$2a$10$8tV0v5Q0Zb6oBqJb0xGk5uP2cXz0yqQO7o2zP3m9oYtJmZC5r4nYy')) = person.password_hash
        and octet_length(password) <= 72, false);
end;

comment on function parking_private.check_password(parking.people, text) is
    'Whether this is the person''s password; it takes about 55 ms of a core, also when there is no such person.';


create function parking.sign_in(
    email      text,
    password   text,
    tenant     text default 'default',
    address    inet default null,
    user_agent text default null
)
    returns parking.admission
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant  constant bigint := parking_private.tenant_of(sign_in.tenant);
    v_from    constant text := parking_private.network_of(address);
    v_account constant text := concat(sign_in.tenant, '/', lower(sign_in.email));
    v_kinds   text[] := array['sign-in', 'account and address', 'address'];
    v_whose   constant text[] := array[v_from, concat(v_account, ' ', v_from), v_from, v_account];
    v_person  parking.people;
    v_session parking.sessions;
    v_answer  parking.admission;
    v_now     timestamptz;
begin
    perform set_config('parking.address', coalesce(host(address), ''), true);
    perform parking_private.enter_tenant(v_tenant);
    select p.* into v_person
    from parking.people p
    where p.tenant_id = v_tenant and p.email = lower(sign_in.email) and p.active;
    if not exists (
        select from parking.sessions s
        where s.tenant_id = v_tenant and s.person_id = v_person.id and parking_private.network_of(s.address) = v_from
    ) then
        v_kinds := v_kinds || 'account'::text;
    end if;

    v_answer.retry_after := nullif(parking_private.count_attempt(v_kinds, v_whose[:cardinality(v_kinds)]), 0);
    if v_answer.retry_after is not null then
        v_answer.outcome := 'too-many-attempts';
        return v_answer;
    end if;
    if parking_private.check_password(v_person, password) then
        -- The hash took a while. Whoever changes the password ends the sessions that there are, so it must be theirs still.
        select p.* into v_person
        from parking.people p
        where p.tenant_id = v_tenant and p.id = v_person.id and p.active and p.password_hash = v_person.password_hash
        for share;
    else
        v_person.password_hash := null;
    end if;
    if v_person.password_hash is null then
        v_answer.outcome := 'wrong-credentials';
        if v_tenant is not null then
            perform parking_private.audit(null, 'session.refused', 'person', v_person.id);
        end if;
        return v_answer;
    end if;

    perform parking_private.take_back_attempt(v_kinds[2:], v_whose[2:cardinality(v_kinds)]);
    v_now := parking.clock();
    insert into parking.sessions (tenant_id, person_id, address, user_agent, opened_at, renewed_at, expires_at)
    select v_tenant, v_person.id, address, left(user_agent, 300), v_now, v_now, v_now + r.lifetime
    from parking_private.session_rules r
    returning * into v_session;
    perform parking_private.audit(v_person.id, 'session.opened', 'person', v_person.id, jsonb_build_object('session', v_session.id));
    return parking_private.admit('signed-in', v_person, v_session, v_now);
end
$$;

comment on function parking.sign_in(text, text, text, inet, text) is
$$Open a session for an e-mail and its password; the outcome is signed-in, wrong-credentials or too-many-attempts.

An unknown e-mail, a wrong password and an account that was closed look the same, and take as long: about 55 ms of a core. After too many
attempts retry_after says in how many seconds to come back; parking.list_limits() tells how many that is. The refresh token is told here
and never again. The outcome is returned and never raised, so that what a refusal leaves behind is kept.

Example:
    select outcome, email, roles from parking.sign_in('driver1@parking.com', 'password123');
      outcome  |        email        |  roles
    -----------+---------------------+----------
     signed-in | driver1@parking.com | {driver}
    (1 row)

    select outcome, email from parking.sign_in('driver1@parking.com', 'guess');
          outcome      | email
    -------------------+-------
     wrong-credentials |
    (1 row)

    select outcome, retry_after between 1 and 120 as within_two_minutes
    from generate_series(1, 5) n, parking.sign_in('driver1@parking.com', 'guess ' || n) order by n desc limit 1;
          outcome      | within_two_minutes
    -------------------+--------------------
     too-many-attempts | t
    (1 row)$$;

grant execute on function parking.sign_in(text, text, text, inet, text) to parking_service, parking_dba;


create function parking.register(
    email        text,
    password     text,
    display_name text,
    tenant       text default 'default',
    address      inet default null
)
    returns table (
        outcome     text,
        retry_after integer
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_tenant constant bigint := parking_private.tenant_of(register.tenant);
    v_email  constant text := lower(register.email);
    v_person bigint;
begin
    perform parking_private.enter_tenant(v_tenant);
    if not exists (select from parking.tenants t where t.id = v_tenant and t.registration = 'open') then
        -- The same for a tenant that there is not: which cities there are is not for strangers.
        perform parking_private.refuse('registration-closed', 'There is no tenant of this name in which one can register.');
    elsif v_email is null or v_email !~ '^[^@\s]+@[^@\s]+$' or length(v_email) > 254 then
        perform parking_private.refuse('not-an-email', 'An e-mail has one @ and no blank, and at most 254 characters.');
    elsif display_name is null or length(btrim(display_name)) not between 1 and 200 then
        perform parking_private.refuse('not-a-name', 'A name has 1 to 200 characters.');
    end if;
    perform parking_private.judge_password(password, v_email);
    perform set_config('parking.address', coalesce(host(address), ''), true);
    retry_after := nullif(parking_private.count_attempt('{registration}', array[parking_private.network_of(address)]), 0);
    if retry_after is not null then
        outcome := 'too-many-attempts';
        return next;
        return;
    end if;

    insert into parking.people (tenant_id, email, display_name, password_hash)
    values (v_tenant, v_email, btrim(register.display_name), parking_private.hash_password(password, v_email))
    on conflict (tenant_id, email) do nothing
    returning id into v_person;
    if found then
        insert into parking.memberships (tenant_id, person_id, role) values (v_tenant, v_person, 'driver');
        perform parking_private.audit(v_person, 'person.registered', 'person', v_person);
    else
        perform parking_private.audit(null, 'registration.refused', 'person',
            (select p.id from parking.people p where p.tenant_id = v_tenant and p.email = v_email));
    end if;
    outcome := 'registered';
    return next;
end
$$;

comment on function parking.register(text, text, text, text, inet) is
$$Open an account as a driver; the outcome is registered or too-many-attempts.

It is registered for an e-mail that has an account already, too: nothing has changed then, and only the audit knows. So the
answer tells nobody who has an account. Whoever signs in afterwards with what was registered does find out, at the price of an account that shows; only a
confirmation by e-mail could close that, so registrations from one address are limited.

A tenant in which parking.set_registration() has not opened registration refuses it, and so does one that there is not.

Problems: registration-closed, not-an-email, not-a-name, password-too-weak, password-too-long.

Example:
    select outcome from parking.register('driver3@parking.com', 'correct horse', 'Driver Three');
      outcome
    ------------
     registered
    (1 row)

    select outcome from parking.register('driver1@parking.com', 'correct horse', 'Somebody Else');
      outcome
    ------------
     registered
    (1 row)

    select outcome from parking.register('driver4@parking.com', 'horse', 'Driver Four');
    ERROR:  A password takes at least 8 bytes.
    DETAIL:  The password is too weak
    HINT:  Choose one of 8 to 72 bytes that is not the e-mail.$$;

grant execute on function parking.register(text, text, text, text, inet) to parking_service, parking_dba;


create function parking.change_password(
    actor        bigint,
    old_password text,
    new_password text,
    keep         uuid default null
)
    returns table (
        outcome     text,
        retry_after integer
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    -- From all addresses together, known ones too: a session can be carried anywhere. It is not what a sign-in's guesses
    -- count under, by which strangers could keep the owner from changing the password.
    c_kinds   constant text[] := array['account and address', 'old password'];
    v_person  parking.people := parking_private.require_person(actor);
    v_account constant text := concat((select t.slug from parking.tenants t where t.id = v_person.tenant_id), '/', v_person.email);
    v_whose   constant text[] := array[
        concat(v_account, ' ', parking_private.network_of(nullif(current_setting('parking.address', true), '')::inet)), v_account];
    v_hash    text;
    v_ended   integer;
begin
    -- First, because it refuses with an error, which would take back the count of a guess.
    perform parking_private.judge_password(new_password, v_person.email);
    retry_after := nullif(parking_private.count_attempt(c_kinds, v_whose), 0);
    if retry_after is not null then
        outcome := 'too-many-attempts';
        return next;
        return;
    end if;

    if parking_private.check_password(v_person, old_password) then
        v_hash := parking_private.hash_password(new_password, v_person.email);
        update parking.people p
        set password_hash = v_hash
        where p.tenant_id = v_person.tenant_id and p.id = v_person.id and p.active and p.password_hash = v_person.password_hash;
        if found then
            perform parking_private.take_back_attempt(c_kinds, v_whose);
            v_ended := parking_private.end_sessions(v_person, 'password-changed', change_password.keep);
            perform parking_private.audit(v_person.id, 'password.changed', 'person', v_person.id, jsonb_build_object('sessions_ended', v_ended));
            outcome := 'changed';
            return next;
            return;
        end if;
    end if;
    perform parking_private.audit(v_person.id, 'password.refused', 'person', v_person.id);
    outcome := 'wrong-password';
    return next;
end
$$;

comment on function parking.change_password(bigint, text, text, uuid) is
$$Change one's own password and end one's sessions, but for the one to keep; the outcome is changed, wrong-password or too-many-attempts.

A wrong old password counts like one at a sign-in, and for the account, from wherever. An administrator sets the password of somebody else, who has forgotten it.

Problems: unknown-actor, password-too-weak, password-too-long.

Example:
    select outcome from parking.change_password(parking.find_person('driver1@parking.com'), 'guess', 'correct horse');
        outcome
    ----------------
     wrong-password
    (1 row)

    select outcome from parking.change_password(parking.find_person('driver1@parking.com'), 'password123', 'correct horse');
     outcome
    ---------
     changed
    (1 row)$$;

grant execute on function parking.change_password(bigint, text, text, uuid) to parking_service, parking_dba;


create function parking.sign_out_everywhere(actor bigint)
    returns integer
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_person(actor);
    v_ended  constant integer := parking_private.end_sessions(v_person, 'signed-out-everywhere');
begin
    perform parking_private.audit(v_person.id, 'session.revoked', 'person', v_person.id,
        jsonb_build_object('sessions_ended', v_ended, 'because', 'signed-out-everywhere'));
    return v_ended;
end
$$;

comment on function parking.sign_out_everywhere(bigint) is
$$End all sessions of a person; how many there were.

Problems: unknown-actor.

Example:
    select parking.sign_out_everywhere(i.person_id) as ended
    from parking.sign_in('driver1@parking.com', 'password123') i;
     ended
    -------
         1
    (1 row)$$;

grant execute on function parking.sign_out_everywhere(bigint) to parking_service, parking_dba;


create function parking.my_account(actor bigint)
    returns table (
        person_id    bigint,
        email        text,
        display_name text,
        tenant       text,
        roles        text[],
        permissions  text[],
        sessions     bigint,
        created_at   timestamptz
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_person constant parking.people := parking_private.require_person(actor);
begin
    return query
        select v_person.id, v_person.email, v_person.display_name, t.slug,
               parking_private.roles_of(v_person), parking_private.permissions_of(v_person),
               (select count(*) from parking.sessions s
                where s.tenant_id = v_person.tenant_id and s.person_id = v_person.id
                  and s.revoked_at is null and s.expires_at > parking.clock()),
               v_person.created_at
        from parking.tenants t
        where t.id = v_person.tenant_id;
end
$$;

comment on function parking.my_account(bigint) is
$$What the system knows of a person's account, and how many sessions they have open.

Problems: unknown-actor.

Example:
    select email, display_name, tenant, roles, sessions from parking.my_account(parking.find_person('driver1@parking.com'));
            email        | display_name | tenant  |  roles   | sessions
    ---------------------+--------------+---------+----------+----------
     driver1@parking.com | Driver One   | default | {driver} |        0
    (1 row)$$;

grant execute on function parking.my_account(bigint) to parking_service, parking_dba;

commit;
