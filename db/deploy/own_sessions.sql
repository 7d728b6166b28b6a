-- Deploy parking:own_sessions to pg
-- requires: signing_in
--
-- Where one is signed in, so that a phone that was lost, or a browser at somebody else's desk, can be signed out from here.

begin;

set local role parking_owner;

create function parking.my_sessions(actor bigint)
    returns table (
        id         uuid,
        address    inet,
        user_agent text,
        opened_at  timestamptz,
        renewed_at timestamptz,
        expires_at timestamptz
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_person constant parking.people := parking_private.require_person(my_sessions.actor);
    v_now    constant timestamptz := parking.clock();
begin
    return query
        select s.id, s.address, s.user_agent, s.opened_at, s.renewed_at, s.expires_at
        from parking.sessions s
        where s.tenant_id = v_person.tenant_id
          and s.person_id = v_person.id
          and s.revoked_at is null
          and s.expires_at > v_now
        order by s.renewed_at desc, s.id;
end
$$;

comment on function parking.my_sessions(bigint) is
$$Where a person is signed in, what was used last first: from which address and with which program, since when, and until when without a refresh.

Problems: unknown-actor.

Example:
    select m.id = i.session_id as this_one, m.address, m.user_agent
    from parking.sign_in('driver1@parking.com', 'password123', address => '192.0.2.1', user_agent => 'curl/8.5') i,
         parking.my_sessions(i.person_id) m;
     this_one |  address  | user_agent
    ----------+-----------+------------
     t        | 192.0.2.1 | curl/8.5
    (1 row)$$;

grant execute on function parking.my_sessions(bigint) to parking_service, parking_dba;


create function parking.end_session(
    actor   bigint,
    session uuid
)
    returns boolean
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_person(actor);
begin
    update parking.sessions s
    set revoked_at = parking.clock(), revoked_because = 'signed-out-elsewhere'
    where s.tenant_id = v_person.tenant_id
      and s.person_id = v_person.id
      and s.id = end_session.session
      and s.revoked_at is null;
    if not found then
        return false;
    end if;
    perform parking_private.audit(v_person.id, 'session.revoked', 'person', v_person.id,
        jsonb_build_object('session', end_session.session, 'because', 'signed-out-elsewhere'));
    return true;
end
$$;

comment on function parking.end_session(bigint, uuid) is
$$End one of one's own sessions, wherever it is; whether this call is what ended it. Somebody else's is as if there were none.

Problems: unknown-actor.

Example:
    select parking.end_session(i.person_id, i.session_id) as ended
    from parking.sign_in('driver1@parking.com', 'password123') i;
     ended
    -------
     t
    (1 row)$$;

grant execute on function parking.end_session(bigint, uuid) to parking_service, parking_dba;

commit;
