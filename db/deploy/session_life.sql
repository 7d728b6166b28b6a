-- Deploy parking:session_life to pg
-- requires: throttling
--
-- The life of a session after its sign-in. session() says for whom a request acts, and is part of every request's one
-- statement: "select b.* from parking.session($1, $2) s cross join lateral parking.book(s.actor, ...) b".
--
-- refresh() exchanges a refresh token for the next one. Two tabs may come with the same token at the same time, and an
-- answer may be lost, so for some seconds a former token is good once more; what it then gives are further present tokens
-- beside the first. The use of one of them supersedes all. A token that comes after its grace is in two hands, and nobody
-- can say which are the right ones: the session ends for both. That must stay, so it is returned and never raised.
--
-- The session's row is the lock of its tokens: whoever refreshes or ends a session holds it.

begin;

set local role parking_owner;

create function parking.session(
    session    uuid,
    address    inet default null,
    out actor  bigint,
    out tenant text
)
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    perform set_config('parking.address', coalesce(host(address), ''), true);
    if session is not null then
        select p.id, t.slug into actor, tenant
        from parking.sessions s
        join parking.people p on p.tenant_id = s.tenant_id and p.id = s.person_id
        join parking.tenants t on t.id = s.tenant_id
        where s.id = session.session
          and s.revoked_at is null
          and s.expires_at > parking.clock()
          and p.active;
        if not found then
            perform parking_private.refuse('session-over', 'This session has ended.');
        end if;
    end if;
end
$$;

comment on function parking.session(uuid, inet) is
$$For whom a session acts, if it is open and its person's account too; without a session, for nobody.

It also tells the audit, for the rest of the transaction, from which address the request came. It has to look across tenants,
in which it only reads, because it is what says whose data a request is about.

Problems: session-over.

Example:
    select actor, tenant from parking.session(null);
     actor | tenant
    -------+--------
           |
    (1 row)

    select s.actor, s.tenant
    from parking.sign_in('driver1@parking.com', 'password123') i, parking.session(i.session_id) s;
     actor | tenant
    -------+---------
         1 | default
    (1 row)

    select actor from parking.session('00000000-0000-0000-0000-000000000000');
    ERROR:  This session has ended.
    DETAIL:  The session is over
    HINT:  Sign in again.$$;

grant execute on function parking.session(uuid, inet) to parking_service, parking_dba;


create function parking.ended_sessions(sessions uuid[])
    returns setof uuid
    language sql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select g.id
    from unnest(sessions) g (id)
    where not exists (
        select
        from parking.sessions s
        join parking.people p on p.tenant_id = s.tenant_id and p.id = s.person_id
        where s.id = g.id
          and s.revoked_at is null
          and s.expires_at > parking.clock()
          and p.active
    );
end;

comment on function parking.ended_sessions(uuid[]) is
$$Those of these sessions that are not open any more: whoever holds a connection open for one asks now and then.

Example:
    select * from parking.ended_sessions('{00000000-0000-0000-0000-000000000000}');
                ended_sessions
    --------------------------------------
     00000000-0000-0000-0000-000000000000
    (1 row)$$;

grant execute on function parking.ended_sessions(uuid[]) to parking_service, parking_dba;


create function parking_private.find_tenant_of_session(session uuid)
    returns bigint
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select s.tenant_id from parking.sessions s where s.id = session;
end;

comment on function parking_private.find_tenant_of_session(uuid) is 'Whose session this is; null: there is none.';


create function parking_private.find_tenant_of_token(hash bytea)
    returns bigint
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select t.tenant_id from parking.refresh_tokens t where t.hash = find_tenant_of_token.hash;
end;

comment on function parking_private.find_tenant_of_token(bytea) is 'Whose refresh token has this hash; null: nobody''s.';


create function parking_private.hash_token(token text)
    returns bytea
    language sql
    immutable
    return sha256(convert_to(token, 'UTF8'));

comment on function parking_private.hash_token(text) is 'What is stored of a refresh token. It is random, so a fast hash does.';


create function parking_private.admit(
    outcome text,
    person  parking.people,
    session parking.sessions,
    now     timestamptz
)
    returns parking.admission
    language plpgsql
    volatile
as $$
declare
    -- 256 bits, in the letters that base64url has (RFC 4648, 5).
    v_token constant text := translate(encode(extensions.gen_random_bytes(32), 'base64'), '+/=', '-_');
    v_admission parking.admission;
begin
    insert into parking.refresh_tokens (tenant_id, hash, session_id, issued_at)
    values (session.tenant_id, parking_private.hash_token(v_token), session.id, admit.now);

    v_admission.outcome := admit.outcome;
    v_admission.session_id := session.id;
    v_admission.person_id := person.id;
    v_admission.email := person.email;
    v_admission.display_name := person.display_name;
    v_admission.refresh_token := v_token;
    v_admission.session_expires_at := session.expires_at;
    select t.slug into v_admission.tenant from parking.tenants t where t.id = session.tenant_id;
    v_admission.roles := parking_private.roles_of(person);
    v_admission.permissions := parking_private.permissions_of(person);
    return v_admission;
end
$$;

comment on function parking_private.admit(text, parking.people, parking.sessions, timestamptz) is
    'The answer to whoever has just signed in or refreshed, with a new refresh token of the session.';


create function parking_private.roles_of(person parking.people)
    returns text[]
    language sql
    stable
    return array(
        select m.role from parking.memberships m
        where m.tenant_id = person.tenant_id and m.person_id = person.id
        order by m.role
    );

comment on function parking_private.roles_of(parking.people) is 'What a person is in their tenant.';


create function parking_private.permissions_of(person parking.people)
    returns text[]
    language sql
    stable
    return array(
        select distinct r.permission
        from parking.memberships m
        join parking_private.role_permissions r on r.role = m.role
        where m.tenant_id = person.tenant_id and m.person_id = person.id
        order by r.permission
    );

comment on function parking_private.permissions_of(parking.people) is 'What a person''s roles permit.';


create function parking_private.end_sessions(
    person  parking.people,
    because text,
    keep    uuid default null
)
    returns integer
    language plpgsql
    volatile
as $$
declare
    v_ended integer;
begin
    update parking.sessions s
    set revoked_at = parking.clock(), revoked_because = because
    where s.tenant_id = person.tenant_id
      and s.person_id = person.id
      and s.id is distinct from keep
      and s.revoked_at is null;
    get diagnostics v_ended = row_count;
    return v_ended;
end
$$;

comment on function parking_private.end_sessions(parking.people, text, uuid) is 'Revoke a person''s sessions, but for the one to keep; how many.';


create function parking.refresh(
    refresh_token text,
    address       inet default null
)
    returns parking.admission
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_hash    constant bytea := parking_private.hash_token(refresh.refresh_token);
    v_tenant  constant bigint := parking_private.find_tenant_of_token(v_hash);
    v_rules   parking_private.session_rules;
    v_session parking.sessions;
    v_person  parking.people;
    v_over    parking.admission;
    v_given_up timestamptz;
    v_now     timestamptz;
begin
    v_over.outcome := 'session-over';
    perform set_config('parking.address', coalesce(host(address), ''), true);
    perform parking_private.enter_tenant(v_tenant);

    select s.* into v_session
    from parking.sessions s
    where s.tenant_id = v_tenant
      and s.id = (select t.session_id from parking.refresh_tokens t where t.tenant_id = v_tenant and t.hash = v_hash)
    for update;
    v_now := parking.clock();
    select p.* into v_person
    from parking.people p
    where p.tenant_id = v_tenant and p.id = v_session.person_id and p.active;
    if not found or v_session.revoked_at is not null or v_session.expires_at <= v_now then
        return v_over;
    end if;

    select r.* into strict v_rules from parking_private.session_rules r;
    -- Only now, behind the lock: another tab may have been first.
    select t.superseded_at into v_given_up from parking.refresh_tokens t where t.tenant_id = v_tenant and t.hash = v_hash;
    if v_given_up < v_now - v_rules.grace then
        update parking.sessions s
        set revoked_at = v_now, revoked_because = 'token-reused'
        where s.tenant_id = v_tenant and s.id = v_session.id;
        perform parking_private.audit(null, 'session.revoked', 'person', v_person.id,
            jsonb_build_object('session', v_session.id, 'because', 'token-reused'));
        return v_over;
    elsif v_given_up is null then
        update parking.refresh_tokens t
        set superseded_at = v_now
        where t.tenant_id = v_tenant and t.session_id = v_session.id and t.superseded_at is null;
    end if;

    update parking.sessions s
    set renewed_at = v_now, expires_at = v_now + v_rules.lifetime
    where s.tenant_id = v_tenant and s.id = v_session.id
    returning s.* into v_session;
    return parking_private.admit('refreshed', v_person, v_session, v_now);
end
$$;

comment on function parking.refresh(text, inet) is
$$Exchange a refresh token for the next one, and for what a new access token may say; the outcome is refreshed or session-over.

For 10 s (parking.keep_sessions() changes it) a token that has been exchanged may be used again. Whoever comes with it later ends the session, and the
audit says so. A refresh puts off the session's end. The outcome is returned and never raised, so that what a refusal leaves behind is kept.

Example:
    select r.outcome, r.email, r.refresh_token <> i.refresh_token as another
    from parking.sign_in('driver1@parking.com', 'password123') i, parking.refresh(i.refresh_token) r;
      outcome  |        email        | another
    -----------+---------------------+---------
     refreshed | driver1@parking.com | t
    (1 row)

    select outcome, email from parking.refresh('guess');
       outcome    | email
    --------------+-------
     session-over |
    (1 row)$$;

grant execute on function parking.refresh(text, inet) to parking_service, parking_dba;


create function parking.session_of(refresh_token text)
    returns uuid
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_hash    constant bytea := parking_private.hash_token(session_of.refresh_token);
    v_tenant  constant bigint := parking_private.find_tenant_of_token(v_hash);
    v_session uuid;
begin
    perform parking_private.enter_tenant(v_tenant);
    select t.session_id into v_session
    from parking.refresh_tokens t, parking_private.session_rules r
    where t.tenant_id = v_tenant
      and t.hash = v_hash
      and (t.superseded_at is null or t.superseded_at >= parking.clock() - r.grace);
    return v_session;
end
$$;

comment on function parking.session_of(text) is
$$The session of a refresh token, which is not exchanged by this; null for a token that is not good any more. parking.session() says whether it is open.

Example:
    select parking.session_of(i.refresh_token) = i.session_id as same
    from parking.sign_in('driver1@parking.com', 'password123') i;
     same
    ------
     t
    (1 row)$$;

grant execute on function parking.session_of(text) to parking_service, parking_dba;


create function parking.sign_out(session uuid)
    returns boolean
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant constant bigint := parking_private.find_tenant_of_session(session);
    v_person bigint;
begin
    perform parking_private.enter_tenant(v_tenant);
    update parking.sessions s
    set revoked_at = parking.clock(), revoked_because = 'signed-out'
    where s.tenant_id = v_tenant
      and s.id = session
      and s.revoked_at is null
    returning s.person_id into v_person;
    if not found then
        return false;
    end if;
    perform parking_private.audit(v_person, 'session.revoked', 'person', v_person,
        jsonb_build_object('session', session, 'because', 'signed-out'));
    return true;
end
$$;

comment on function parking.sign_out(uuid) is
$$End a session; whether this call is what ended it.

Example:
    select parking.sign_out(i.session_id) as ended
    from parking.sign_in('driver1@parking.com', 'password123') i;
     ended
    -------
     t
    (1 row)$$;

grant execute on function parking.sign_out(uuid) to parking_service, parking_dba;


create function parking.keep_sessions(
    lifetime interval default '720 hours',
    grace    interval default '10 seconds'
)
    returns parking_private.session_rules
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_rules parking_private.session_rules;
begin
    if lifetime is null or lifetime < '1 minute' or lifetime > '8784 hours'
        or extract(year from lifetime) <> 0 or extract(month from lifetime) <> 0 or extract(day from lifetime) <> 0
    then
        perform parking_private.refuse('not-a-lifetime', 'A session lasts from 1 minute to 8784 hours.');
    elsif grace is null or grace < '0 seconds' or grace > '5 minutes' then
        perform parking_private.refuse('not-a-lifetime', 'The grace of an exchanged token lasts from nothing to 5 minutes.');
    end if;
    update parking_private.session_rules r
    set lifetime = keep_sessions.lifetime, grace = keep_sessions.grace
    returning r.* into v_rules;
    return v_rules;
end
$$;

comment on function parking.keep_sessions(interval, interval) is
$$Change how long a session stays open without a refresh, and how long an exchanged refresh token is good once more.

It holds for sign-ins and refreshes from now on, in all tenants; without arguments it goes back to the defaults.

Problems: not-a-lifetime.

Example:
    select lifetime, grace from parking.keep_sessions(lifetime => '8 hours');
     lifetime |  grace
    ----------+----------
     08:00:00 | 00:00:10
    (1 row)

    select parking.keep_sessions(lifetime => '1 day');
    ERROR:  A session lasts from 1 minute to 8784 hours.
    DETAIL:  Not a lifetime
    HINT:  Give hours, minutes and seconds within the limits.$$;

grant execute on function parking.keep_sessions(interval, interval) to parking_dba;


create function parking.tidy_sessions()
    returns table (
        sessions       bigint,
        refresh_tokens bigint,
        attempts       bigint
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    c_known_for constant interval := interval '2160 hours';
    v_now       constant timestamptz := parking.clock();
    v_tenant    bigint;
    v_lifetime  interval;
    v_count     bigint;
begin
    select r.lifetime into strict v_lifetime from parking_private.session_rules r;
    sessions := 0::bigint;
    refresh_tokens := 0::bigint;
    for v_tenant in select t from parking_private.all_tenants() t loop
        perform parking_private.enter_tenant(v_tenant);
        delete from parking.refresh_tokens k
        using parking.sessions s
        where k.tenant_id = v_tenant
          and s.tenant_id = k.tenant_id
          and s.id = k.session_id
          and (k.superseded_at < v_now - v_lifetime or s.revoked_at < v_now or s.expires_at < v_now);
        get diagnostics v_count = row_count;
        refresh_tokens := refresh_tokens + v_count;
        delete from parking.sessions s
        where s.tenant_id = v_tenant
          and (s.revoked_at < v_now - c_known_for or s.expires_at < v_now - c_known_for);
        get diagnostics v_count = row_count;
        sessions := sessions + v_count;
    end loop;
    delete from parking_private.attempts a where a.forgotten_at < v_now;
    get diagnostics attempts = row_count;
    return next;
end
$$;

comment on function parking.tidy_sessions() is
$$Delete refresh tokens that are good for nothing, sessions that ended 90 days ago, and attempts that are forgotten; how many.

pg_cron calls it every night. Until a session is deleted its address counts as one from which the person has signed in.

Example:
    select * from parking.tidy_sessions();
     sessions | refresh_tokens | attempts
    ----------+----------------+----------
            0 |              0 |        0
    (1 row)$$;

grant execute on function parking.tidy_sessions() to parking_dba;

-- A request's session says whose data it is about. Only a superuser may give an object away.
grant execute on function parking_private.refuse(text, text), parking.problems(), parking.clock() to parking_platform;
reset role;
alter function parking.session(uuid, inet) owner to parking_platform;
alter function parking.ended_sessions(uuid[]) owner to parking_platform;
alter function parking_private.find_tenant_of_session(uuid) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_session(uuid) to parking_owner;
alter function parking_private.find_tenant_of_token(bytea) owner to parking_platform;
grant execute on function parking_private.find_tenant_of_token(bytea) to parking_owner;

commit;
