-- What the specs play with: short words for the functions of parking, whose answers are words as well, the hours of one
-- day, and what became of it all. Only refusals are turned into words: whatever else goes wrong is to be seen as it is.
create schema race;
grant usage on schema race to public;

create function race.at(hour numeric) returns timestamptz language sql immutable
return timestamptz '2030-05-06 00:00+00' + make_interval(secs => hour * 3600);

-- Until its transaction ends, the clock of the session that sets it: so a checker's may be ahead.
create procedure race.set_clock(hour numeric) language sql security definer
begin atomic
    update parking_private.clock_shift set shift = race.at(hour) + interval '1 second' - clock_timestamp();
end;

-- What the permutation before has left.
create procedure race.clear() language sql
begin atomic
    delete from parking.events;
    delete from parking.reservations;
    delete from parking.overrides;
    delete from parking.sessions;
    update parking_private.clock_shift set shift = race.at(12) + interval '1 second' - clock_timestamp();
end;

create function race.booking_of(driver bigint) returns bigint language sql security definer
begin atomic
    select r.id from parking.reservations r where r.person_id = driver;
end;

create function race.book(driver bigint, starts numeric, ends numeric) returns text language plpgsql as $$
declare
    v_word text;
begin
    perform parking.book(driver, 1, race.at(starts), race.at(ends));
    return 'booked';
exception when sqlstate 'PK409' or sqlstate 'PK422' then
    get stacked diagnostics v_word = constraint_name;
    return v_word;
end $$;

create function race.complete(driver bigint) returns text language plpgsql as $$
declare
    v_word text;
begin
    perform parking.complete(driver, race.booking_of(driver));
    return 'completed';
exception when sqlstate 'PK409' or sqlstate 'PK422' then
    get stacked diagnostics v_word = constraint_name;
    return v_word;
end $$;

create function race.cancel(driver bigint) returns text language plpgsql as $$
declare
    v_word text;
begin
    perform parking.cancel(driver, race.booking_of(driver));
    return 'cancelled';
exception when sqlstate 'PK409' or sqlstate 'PK422' then
    get stacked diagnostics v_word = constraint_name;
    return v_word;
end $$;

create function race.extend(driver bigint, ends numeric) returns text language plpgsql as $$
declare
    v_word text;
begin
    perform parking.reschedule(driver, race.booking_of(driver), ends => race.at(ends));
    return 'extended';
exception when sqlstate 'PK409' or sqlstate 'PK422' then
    get stacked diagnostics v_word = constraint_name;
    return v_word;
end $$;

create function race.lapse() returns text language plpgsql as $$
begin
    return (select count(*) from parking.release_stale()) || ' released';
end $$;

create function race.maintain(operator bigint) returns text language plpgsql as $$
declare
    v_state parking.spot_condition := parking.set_spot_state(operator, 1, 'maintenance', 'Oil on the ground');
begin
    return format('%s, hits %s', v_state.state, jsonb_array_length(v_state.hits));
end $$;

-- The token of a session that has just begun; its hash is all that is kept.
create procedure race.sign_in() language plpgsql security definer as $$
declare
    v_session uuid;
begin
    insert into parking.sessions (tenant_id, person_id, opened_at, renewed_at, expires_at)
    select p.tenant_id, p.id, parking.clock(), parking.clock(), parking.clock() + interval '1 hour'
    from parking.people p where p.id = 1
    returning id into v_session;
    insert into parking.refresh_tokens (tenant_id, hash, session_id, issued_at)
    select s.tenant_id, parking_private.hash_token('of the first hour'), s.id, s.opened_at
    from parking.sessions s where s.id = v_session;
end $$;

create function race.refresh() returns text language plpgsql as $$
begin
    return (select r.outcome from parking.refresh('of the first hour') r);
end $$;

create function race.lives(out driver text, out hours text, out status text, out life text)
returns setof record language sql security definer
begin atomic
    select split_part(p.email, '@', 1),
           to_char(r.starts at time zone 'UTC', 'HH24:MI') || '–' || to_char(r.ends at time zone 'UTC', 'HH24:MI'),
           r.status,
           string_agg(e.type, ', ' order by e.id)
    from parking.reservations r
    join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id
    left join parking.events e on e.tenant_id = r.tenant_id and e.reservation_id = r.id
    group by r.tenant_id, r.id, p.email, r.starts, r.ends, r.status
    order by r.starts, r.id;
end;

create function race.tokens(out open_sessions bigint, out exchanged bigint, out good bigint) language sql security definer
begin atomic
    select (select count(*) from parking.sessions where revoked_at is null),
           count(*) filter (where superseded_at is not null),
           count(*) filter (where superseded_at is null)
    from parking.refresh_tokens;
end;
