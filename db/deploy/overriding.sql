-- Deploy parking:overriding to pg
-- requires: overrides
-- requires: availability
-- requires: announcing
-- requires: auditing
--
-- Lock order: set_spot_state() locks the spot, as book() does, so that of a booking and a maintenance that want the same
-- time the second one knows of the first: the booking is refused, or the maintenance lists whom it hits.

begin;

set local role parking_owner;

create function parking_private.conditions(
    lot  parking.lots,
    spot bigint,
    now  timestamptz
)
    returns setof parking.spot_condition
    language plpgsql
    volatile
as $$
begin
    return query
        select s.lot_id, s.id, s.name,
               coalesce(o.state, case when v.starts <= conditions.now then 'reserved' else 'free' end),
               coalesce(o.source, 'bookings'),
               o.reason,
               case when o.state is not null then o.starts when v.starts <= conditions.now then v.starts end,
               case when o.state is not null then o.ends when v.starts <= conditions.now then v.ends end,
               lot.time_zone,
               null::jsonb
        from parking.spots s
        join parking.rows r on r.tenant_id = s.tenant_id and r.id = s.row_id
        join parking.floors f on f.tenant_id = r.tenant_id and f.id = r.floor_id
        -- Looked up spot by spot, each by its index: a large lot's bookings, joined, may be looked through for every spot.
        left join lateral (
            select l.state, l.source, l.reason, l.starts, l.ends
            from parking.overrides l
            where l.tenant_id = s.tenant_id
              and l.lot_id = s.lot_id
              and l.spot_id = s.id
              and l.ended_at is null
              and (l.ends is null or l.ends > conditions.now)
            limit 1
        ) o on true
        left join lateral (
            -- The next one to end: those that are live do not overlap, so no other one can run now.
            select l.starts, l.ends
            from parking.reservations l
            where l.tenant_id = s.tenant_id
              and l.spot_id = s.id
              and l.status = 'active'
              and l.ends > conditions.now
            order by l.ends
            limit 1
        ) v on true
        where s.tenant_id = lot.tenant_id
          and s.lot_id = lot.id
          and s.retired_at is null
          and (conditions.spot is null or s.id = conditions.spot)
        order by f.position, r.position, s.position, s.id;
end
$$;

comment on function parking_private.conditions(parking.lots, bigint, timestamptz) is
    'The states of the spots of a lot, or of one: what somebody says, else what follows from the bookings.';


create function parking_private.knows_reasons(actor bigint, tenant bigint)
    returns boolean
    language sql
    volatile
    return exists (
        select
        from parking.people p
        where p.tenant_id = knows_reasons.tenant
          and p.id = knows_reasons.actor
          and p.active
          and parking_private.has_permission(p, 'write:parking')
    ) or knows_reasons.actor is null and pg_has_role(session_user, 'parking_dba', 'member');

comment on function parking_private.knows_reasons(bigint, bigint) is
    'Whether this person of the tenant that was entered, or the DBA who calls, may read why a spot is in a state: it may be about somebody.';


create function parking.list_spot_states(
    lot   bigint default null,
    actor bigint default null
)
    returns setof parking.spot_condition
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot     constant parking.lots := parking_private.enter_lot(lot, 'default', actor);
    v_insider constant boolean := parking_private.knows_reasons(actor, v_lot.tenant_id);
begin
    return query
        select c.lot_id, c.spot_id, c.spot, c.state, c.source, case when v_insider then c.reason end, c.since, c.until, c.time_zone, c.hits
        from parking_private.conditions(v_lot, null, parking.clock()) c;
end
$$;

comment on function parking.list_spot_states(bigint, bigint) is
$$The states of a lot's spots at this moment: free, reserved, occupied, maintenance or unknown, who says so and until when.

source is operator or sensor where somebody says so; otherwise it is bookings, and the state is reserved while one runs.
Why, is told to those who run lots, and to DBAs.

Problems: unknown-lot.

Example:
    select spot, state, source, until from parking.list_spot_states() where spot in ('Spot 1', 'Spot 2');
      spot  | state |  source  | until
    --------+-------+----------+-------
     Spot 1 | free  | bookings |
     Spot 2 | free  | bookings |
    (2 rows)$$;

grant execute on function parking.list_spot_states(bigint, bigint) to parking_service, parking_dba;


create function parking.find_spot_state(
    spot  bigint,
    actor bigint default null
)
    returns parking.spot_condition
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_found     record;
    v_lot       parking.lots;
    v_condition parking.spot_condition;
begin
    select f.tenant_id, f.lot_id into v_found from parking_private.find_lot_of('spot', spot) f;
    v_lot := parking_private.visit_lot(v_found.tenant_id, v_found.lot_id, actor);
    select c.lot_id, c.spot_id, c.spot, c.state, c.source, c.reason, c.since, c.until, c.time_zone, c.hits
    into v_condition
    from parking_private.conditions(v_lot, find_spot_state.spot, parking.clock()) c
    where find_spot_state.spot is not null;
    if not found then
        perform parking_private.refuse('unknown-spot', format('There is no spot %s.', coalesce(spot::text, 'without a number')));
    end if;
    if not parking_private.knows_reasons(actor, v_lot.tenant_id) then
        v_condition.reason := null;
    end if;
    return v_condition;
end
$$;

comment on function parking.find_spot_state(bigint, bigint) is
$$The state of one spot at this moment, as parking.list_spot_states() has it.

Problems: unknown-spot.

Example:
    select spot, state, source from parking.find_spot_state(4);
      spot  | state |  source
    --------+-------+----------
     Spot 4 | free  | bookings
    (1 row)$$;

grant execute on function parking.find_spot_state(bigint, bigint) to parking_service, parking_dba;


create function parking_private.hit_bookings(
    tenant bigint,
    lot    parking.lots,
    spot   bigint,
    starts timestamptz,
    ends   timestamptz
)
    returns jsonb
    language sql
    volatile
begin atomic
    select coalesce(jsonb_agg(jsonb_build_object(
            'id', r.id,
            'user_id', p.email,
            'start_time', parking_private.rfc3339(r.starts, (hit_bookings.lot).time_zone),
            'end_time', parking_private.rfc3339(r.ends, (hit_bookings.lot).time_zone)
        ) order by r.starts, r.id), '[]')
    from parking.reservations r
    join parking.people p on p.tenant_id = r.tenant_id and p.id = r.person_id
    where r.tenant_id = hit_bookings.tenant
      and r.lot_id = (hit_bookings.lot).id
      and r.spot_id = hit_bookings.spot
      and r.status = 'active'
      and r.ends > hit_bookings.starts
      and (hit_bookings.ends is null or r.starts < hit_bookings.ends);
end;

comment on function parking_private.hit_bookings(bigint, parking.lots, bigint, timestamptz, timestamptz) is
    'The live bookings of a spot that overlap a period, which may have no end, as JSON in the order of their starts.';


create function parking_private.judge_override(
    state  text,
    reason text,
    until  timestamptz,
    now    timestamptz
)
    returns void
    language plpgsql
    stable
as $$
begin
    if state is null or not exists (select from parking_private.spot_states s where s.state = judge_override.state) then
        perform parking_private.refuse('not-an-override', format('A spot cannot be %s.', coalesce(quote_literal(left(state, 100)), 'null')));
    elsif reason is null or reason !~ '\S' or length(reason) > 500 then
        perform parking_private.refuse('not-an-override', 'A reason has 1 to 500 characters, and not only spaces.');
    elsif state = 'free' and until is not null then
        perform parking_private.refuse('not-an-override', 'Setting a spot free ends what was said before; it has no end itself.');
    elsif until <= now or until >= '2200-01-01 00:00+00' then
        perform parking_private.refuse('not-an-override', 'The end must lie ahead, and before the year 2200.');
    end if;
end
$$;

comment on function parking_private.judge_override(text, text, timestamptz, timestamptz) is 'Refuse what cannot be said about a spot: not-an-override.';


create function parking.set_spot_state(
    actor  bigint,
    spot   bigint,
    state  text,
    reason text,
    until  timestamptz default null
)
    returns parking.spot_condition
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person parking.people := parking_private.require_actor(actor, 'write:parking');
    v_tenant constant bigint := v_person.tenant_id;
    v_lot    parking.lots;
    v_now    timestamptz;
    v_old    parking.spot_condition;
    v_new    parking.spot_condition;
begin
    select l.* into v_lot
    from parking.spots s
    join parking.lots l on l.tenant_id = s.tenant_id and l.id = s.lot_id
    where s.tenant_id = v_tenant and s.id = set_spot_state.spot and s.retired_at is null
    for update of s;
    if not found then
        perform parking_private.refuse('unknown-spot', format('There is no spot %s.', coalesce(spot::text, 'without a number')));
    end if;

    v_now := parking.clock();
    perform parking_private.judge_override(state, reason, until, v_now);
    v_old := parking_private.conditions(v_lot, spot, v_now);
    if state not in ('free', v_old.state) and not exists (
        select from parking_private.spot_state_transitions t where t.from_state = v_old.state and t.to_state = set_spot_state.state
    ) then
        perform parking_private.refuse('state-not-reachable', format('%s is %s and cannot be set to %s.', v_old.spot, v_old.state, state));
    end if;

    update parking.overrides o
    set ended_at = least(v_now, o.ends),
        ended_by = case when o.ends <= v_now then null else v_person.id end
    where o.tenant_id = v_tenant and o.lot_id = v_lot.id and o.spot_id = set_spot_state.spot and o.ended_at is null;
    if state <> 'free' then
        insert into parking.overrides (tenant_id, lot_id, spot_id, state, source, reason, set_by, starts, ends)
        values (v_tenant, v_lot.id, set_spot_state.spot, set_spot_state.state, 'operator', set_spot_state.reason, v_person.id, v_now,
            set_spot_state.until);
    end if;

    v_new := parking_private.conditions(v_lot, spot, v_now);
    v_new.hits := case
        when state = 'maintenance' then parking_private.hit_bookings(v_tenant, v_lot, spot, v_now, until)
        else jsonb '[]'
    end;
    if state <> 'free' or v_old.source <> 'bookings' then
        perform parking_private.audit(v_person.id, case state when 'free' then 'override.ended' else 'override.set' end, 'spot', spot,
            jsonb_build_object('state', state, 'before', v_old.state, 'reason', reason, 'until', until,
                'hits', jsonb_path_query_array(v_new.hits, '$[*].id')));
        -- The time that is concerned: what was said before may have been meant to last longer.
        perform parking_private.announce(v_tenant, 'overridden', v_lot.id, spot, null, v_person.id, v_now, case
            when v_old.source = 'bookings' then until
            when state = 'free' then v_old.until
            when until is not null and v_old.until is not null then greatest(until, v_old.until)
        end, v_now);
    end if;
    return v_new;
end
$$;

comment on function parking.set_spot_state(bigint, bigint, text, text, timestamptz) is
$$Say what state a spot is in, why, and until when, or until further notice; returns the state that it has now.

maintenance keeps the spot from being booked for that time; hits lists the live bookings that it cannot serve, which
stay. free ends what was said before, and the state follows from the bookings again. A state that was declared
unreachable from the present one is refused; from maintenance a spot goes to free.

Problems: unknown-actor, not-permitted, unknown-spot, not-an-override, state-not-reachable.

Example:
    select parking.assign_role(parking.find_person('driver2@parking.com'), 'operator') is not null as promoted;
     promoted
    ----------
     t
    (1 row)

    select c.spot, c.state, c.source, c.until is null as until_further_notice, c.hits
    from parking.set_spot_state(parking.find_person('driver2@parking.com'), 5, 'maintenance', 'Oil on the ground') c;
      spot  |    state    |  source  | until_further_notice | hits
    --------+-------------+----------+----------------------+------
     Spot 5 | maintenance | operator | t                    | []
    (1 row)$$;

grant execute on function parking.set_spot_state(bigint, bigint, text, text, timestamptz) to parking_service, parking_dba;

commit;
