-- Deploy parking:expiry to pg
-- requires: reservations
-- requires: announcing
-- requires: membership
-- requires: tallying
--
-- What nobody ended is ended by the stale checker. Lock order: it locks reservations only, skips those that somebody else
-- has locked, and writes nothing that refers to a spot.

begin;

set local role parking_owner;

create function parking_private.release(
    tenant       bigint,
    reservations bigint[],
    now          timestamptz
)
    returns setof parking.bookings
    language plpgsql
    volatile
as $$
declare
    v_booking parking.bookings;
begin
    for v_booking in
        update parking.reservations r
        set status = 'completed', ended_at = release.now
        from parking.spots s, parking.lots l, parking.people p
        where r.tenant_id = release.tenant
          and r.id = any (release.reservations)
          and r.status = 'active'
          and s.tenant_id = r.tenant_id and s.id = r.spot_id
          and l.tenant_id = r.tenant_id and l.id = r.lot_id
          and p.tenant_id = r.tenant_id and p.id = r.person_id
        returning r.tenant_id, r.id, r.lot_id, r.spot_id, s.name, p.email, r.starts, r.ends, r.status, r.booked_at, r.ended_at,
            l.time_zone, r.quoted_cents, r.currency
    loop
        raise log 'Auto-released Spot #% (Reservation ID %)', v_booking.spot_id, v_booking.id;
        perform parking_private.announce(tenant, 'released', v_booking.lot_id, v_booking.spot_id, v_booking.id, null,
            v_booking.starts, v_booking.ends, now);
        return next v_booking;
    end loop;
end
$$;

comment on function parking_private.release(bigint, bigint[], timestamptz) is
    'End these reservations of one tenant, which the caller has locked and found overdue: one LOG entry and one event each.';


create function parking_private.release_overdue(
    tenant bigint,
    spot   bigint,
    now    timestamptz
)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_first timestamptz;
begin
    -- Mostly there is none, and the first one to end says so.
    select r.ends into v_first
    from parking.reservations r
    where r.tenant_id = release_overdue.tenant and r.spot_id = release_overdue.spot and r.status = 'active'
    order by r.ends
    limit 1;
    if v_first <= release_overdue.now then
        perform parking_private.release(tenant, array(
            select r.id
            from parking.reservations r
            where r.tenant_id = release_overdue.tenant and r.spot_id = release_overdue.spot and r.status = 'active'
              and r.ends <= release_overdue.now
            order by r.ends
            for update
        ), now);
    end if;
end
$$;

comment on function parking_private.release_overdue(bigint, bigint, timestamptz) is
    'End what nobody ended on a spot that the caller has locked, so that a stale checker that is late costs nobody the spot.';


create function parking_private.release_due(
    tenant  bigint,
    at_most integer,
    now     timestamptz
)
    returns setof parking.bookings
    language plpgsql
    volatile
as $$
declare
    v_due bigint[];
begin
    v_due := array(
        select r.id
        from parking.reservations r
        where r.tenant_id = release_due.tenant and r.status = 'active' and r.ends <= release_due.now
        order by r.ends
        limit release_due.at_most
        for update skip locked
    );
    if v_due <> '{}' then
        return query
            select b.tenant_id, b.id, b.lot_id, b.spot_id, b.spot, b.driver, b.starts, b.ends, b.status, b.booked_at, b.ended_at,
                b.time_zone, b.quoted_cents, b.currency
            from parking_private.release(release_due.tenant, v_due, release_due.now) b;
    end if;
end
$$;

comment on function parking_private.release_due(bigint, integer, timestamptz) is
    'Release up to so many overdue reservations of the tenant that was entered, but those that somebody else has locked.';


create function parking_private.require_rows(at_most integer)
    returns void
    language plpgsql
    immutable
as $$
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s reservations cannot be released.', coalesce(at_most::text, 'null')));
    end if;
end
$$;

comment on function parking_private.require_rows(integer) is 'Refuse to release so many: not-a-number-of-rows.';


create function parking.release_stale(at_most integer default 1000)
    returns setof parking.bookings
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_now    timestamptz := parking.clock();
    v_left   integer := at_most;
    v_number integer;
    v_tenant bigint;
begin
    perform parking_private.require_rows(at_most);
    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        return query
            select b.tenant_id, b.id, b.lot_id, b.spot_id, b.spot, b.driver, b.starts, b.ends, b.status, b.booked_at, b.ended_at,
                b.time_zone, b.quoted_cents, b.currency
            from parking_private.release_due(v_tenant, v_left, v_now) b;
        get diagnostics v_number = row_count;
        v_left := v_left - v_number;
        exit when v_left = 0;
    end loop;
end
$$;

comment on function parking.release_stale(integer) is
$$Release up to so many reservations that nobody ended although their time is over, of every tenant; returns them.

Each is one LOG entry, "Auto-released Spot #105 (Reservation ID 882)", and one event of type released. Rows that another
session has locked are left for the next time.

Problems: not-a-number-of-rows.

Example:
    select spot, driver, status from parking.release_stale();
     spot | driver | status
    ------+--------+--------
    (0 rows)$$;

grant execute on function parking.release_stale(integer) to parking_dba;


create function parking.expire_old(
    actor   bigint,
    at_most integer default 1000
)
    returns setof parking.bookings
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:parking');
begin
    perform parking_private.require_rows(at_most);
    return query
        select b.tenant_id, b.id, b.lot_id, b.spot_id, b.spot, b.driver, b.starts, b.ends, b.status, b.booked_at, b.ended_at,
            b.time_zone, b.quoted_cents, b.currency
        from parking_private.release_due(v_person.tenant_id, at_most, parking.clock()) b;
end
$$;

comment on function parking.expire_old(bigint, integer) is
$$What the stale checker does every minute, now and for the actor's own tenant; returns what was released. For operators.

Problems: unknown-actor, not-permitted, not-a-number-of-rows.

Example:
    select count(*) as released from parking.expire_old(parking.find_person('operator@parking.com'));
     released
    ----------
            0
    (1 row)$$;

grant execute on function parking.expire_old(bigint, integer) to parking_service, parking_dba;


-- An invoker procedure without a SET clause: only such a one can commit between its batches.
create procedure parking.sweep(at_most integer default 1000)
    language plpgsql
as $$
declare
    c_broom    constant integer := 727565;  -- one sweep at a time; the lock ends with each batch and is taken anew
    v_released bigint;
begin
    loop
        exit when not pg_try_advisory_xact_lock(c_broom, 0);
        select count(*) into v_released from parking.release_stale(at_most);
        commit;
        exit when v_released < at_most;
    end loop;
    perform parking.tally_reservations();
    commit;
end
$$;

comment on procedure parking.sweep(integer) is
$$The stale checker: release_stale() batch by batch, each in a transaction of its own, until nothing is due; then tally_reservations().

pg_cron calls it every minute. While another sweep runs, it releases nothing. It commits, so call it outside of a transaction.

Problems: not-a-number-of-rows.

Example:
    call parking.sweep();
    select count(*) as overdue from parking.bookings where status = 'active' and ends <= parking.clock();
     overdue
    ---------
           0
    (1 row)$$;

grant execute on procedure parking.sweep(integer) to parking_dba;

commit;
