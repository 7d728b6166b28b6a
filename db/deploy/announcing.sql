-- Deploy parking:announcing to pg
-- requires: events
-- requires: context
-- requires: lots
--
-- announce() is the last thing that a write does. It appends what happened to parking.events and rings a doorbell; the
-- bell carries nothing. Who hears it reads parking.events_after(cursor) and misses nothing, in whatever order
-- transactions commit, because a cursor is a snapshot and not an id.
--
-- A commit that notifies holds a lock of the whole cluster until it is flushed, so one commit of a wave rings for all:
-- whoever gets the advisory lock of the current 50 ms. A writer that found the bell taken already has its transaction
-- id, so the reader whom the ringer wakes sees it, or sees it in progress and looks again. The 50 ms are in the key
-- because a session that has booked and not yet committed would otherwise silence the bell for everybody.
--
-- A reading delivers the events that its snapshot sees and the reading before did not, in the order of their ids: an
-- event gets its id under the lock of its row, so what one spot went through has growing ids. (Transaction numbers may
-- not: who books a spot that another one has just freed may have begun earlier.) A cursor stands behind one event of a
-- reading: it names the epoch, the snapshot of the reading before, the snapshot of this reading, and the event.
-- Everything that the first snapshot saw has been delivered, and of what the second one saw everything up to the event.

begin;

set local role parking_owner;

create function parking_private.announce(
    tenant      bigint,
    type        text,
    lot         bigint,
    spot        bigint,
    reservation bigint,
    actor       bigint,
    starts      timestamptz,
    ends        timestamptz,
    at          timestamptz
)
    returns void
    language plpgsql
    volatile
as $$
declare
    c_bell   constant integer := 727564;  -- any number that no other advisory lock of this database uses
    v_window integer := (extract(epoch from announce.at) * 20)::bigint % 2147483647;
begin
    insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at)
    select announce.tenant, l.epoch, announce.type, announce.lot, announce.spot, announce.reservation, announce.actor,
           announce.starts, announce.ends, announce.at
    from parking_private.event_log l;

    if pg_try_advisory_xact_lock(c_bell, v_window) then
        perform pg_notify('parking', '');
    end if;
end
$$;

comment on function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Append an event and ring the doorbell; the only place that writes events and the only one that notifies.';


create function parking_private.write_cursor(
    epoch  integer,
    before pg_snapshot,
    batch  pg_snapshot,
    id     bigint
)
    returns text
    language sql
    stable
    return concat_ws('~', epoch, before, batch, id);

comment on function parking_private.write_cursor(integer, pg_snapshot, pg_snapshot, bigint) is
    'A cursor as text, of letters that an address may contain.';


create function parking_private.read_cursor(
    cursor     text,
    out epoch  integer,
    out before pg_snapshot,
    out batch  pg_snapshot,
    out id     bigint
)
    language plpgsql
    stable
as $$
declare
    c_snapshot constant text := '([0-9]{1,19}:[0-9]{1,19}:[0-9,]*)';
    v_part     text[] := regexp_match(cursor, '^' || concat_ws('~', '([0-9]{1,9})', c_snapshot, c_snapshot, '([0-9]{1,18})') || '$');
begin
    if v_part is null then
        perform parking_private.refuse('not-a-cursor', 'This is not a cursor of this record.');
    end if;
    epoch := v_part[1]::integer;
    before := v_part[2]::pg_snapshot;
    batch := v_part[3]::pg_snapshot;
    id := v_part[4]::bigint;
exception when invalid_text_representation then
    -- Digits in the right places that make no snapshot.
    perform parking_private.refuse('not-a-cursor', 'This is not a cursor of this record.');
end
$$;

comment on function parking_private.read_cursor(text) is 'The parts of a cursor, or the problem not-a-cursor.';


create function parking.event_cursor()
    returns text
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select parking_private.write_cursor(l.epoch, s.now, s.now, 0)
    from parking_private.event_log l, (select pg_current_snapshot() as now) s;
end;

comment on function parking.event_cursor() is
$$A cursor that stands behind everything that has happened so far.

Read in one statement with parking.events_after(), it is where the next reading begins.

Example:
    select type, spot_id from parking.events_after(parking.event_cursor());
     type | spot_id
    ------+---------
    (0 rows)$$;

grant execute on function parking.event_cursor() to parking_service, parking_dba;


create function parking.events_after(
    after   text default null,
    lot     bigint default null,
    until   pg_snapshot default null,
    at_most integer default 1000
)
    returns table (
        cursor         text,
        id             bigint,
        type           text,
        lot_id         bigint,
        spot_id        bigint,
        reservation_id bigint,
        starts         timestamptz,
        ends           timestamptz,
        at             timestamptz,
        time_zone      text
    )
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_now    pg_snapshot := coalesce(until, pg_current_snapshot());
    v_log    record;
    v_cursor record;
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s events cannot be read.', coalesce(at_most::text, 'null')));
    end if;
    select l.epoch, l.forgotten into strict v_log from parking_private.event_log l;
    if after is null then
        select v_log.epoch as epoch, pg_snapshot '3:3:' as before, pg_snapshot '3:3:' as batch, 0::bigint as id
        into v_cursor;
    else
        select c.epoch, c.before, c.batch, c.id into v_cursor from parking_private.read_cursor(events_after.after) c;
        if v_cursor.epoch <> v_log.epoch
            or pg_snapshot_xmin(v_cursor.before) <= v_log.forgotten
            or pg_snapshot_xmax(v_cursor.batch) > pg_snapshot_xmax(pg_current_snapshot())
        then
            perform parking_private.refuse('cursor-too-old', 'The record does not reach back to this cursor, or it has been restored since.');
        end if;
    end if;

    return query
        select case
                   when r.seen then parking_private.write_cursor(v_log.epoch, v_cursor.before, v_cursor.batch, r.id)
                   else parking_private.write_cursor(v_log.epoch, v_cursor.batch, v_now, r.id)
               end,
               r.id, r.type, r.lot_id, r.spot_id, r.reservation_id, r.starts, r.ends, r.at, l.time_zone
        from (
            select e.tenant_id, e.id, e.type, e.lot_id, e.spot_id, e.reservation_id, e.starts, e.ends, e.at,
                   pg_visible_in_snapshot(e.xid, v_cursor.batch) as seen
            from parking.events e
            where e.epoch = v_log.epoch
              and (e.xid >= pg_snapshot_xmax(v_cursor.before) or e.xid = any (array(select pg_snapshot_xip(v_cursor.before))))
              and pg_visible_in_snapshot(e.xid, v_now)
              and (events_after.lot is null or e.lot_id = events_after.lot)
        ) r
        join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
        where not r.seen or r.id > v_cursor.id
        order by r.seen desc, r.id
        limit events_after.at_most;
end
$$;

comment on function parking.events_after(text, bigint, pg_snapshot, integer) is
$$What happened after a cursor, each event once, whatever the order of commits; without a cursor, from the beginning.

Each event comes with the cursor that stands behind it. Only of one lot, if one is given; only what a snapshot saw, if one
is given. What this transaction itself has not committed has not happened yet. LISTEN parking tells when it is worth asking again. It does not say who did it; the view parking.history does.

Problems: not-a-cursor, cursor-too-old, not-a-number-of-rows.

Example:
    select type, spot_id from parking.events_after(at_most => 10);
     type | spot_id
    ------+---------
    (0 rows)

    select * from parking.events_after('yesterday');
    ERROR:  This is not a cursor of this record.
    DETAIL:  Not a cursor
    HINT:  Give a cursor exactly as it was given to you.$$;

grant execute on function parking.events_after(text, bigint, pg_snapshot, integer) to parking_service, parking_dba;


create function parking.begin_epoch()
    returns integer
    language sql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    update parking_private.event_log set epoch = epoch + 1, forgotten = '0' returning epoch;
end;

comment on function parking.begin_epoch() is
$$To be called once after restoring a backup: transaction numbers begin anew there, and cursors from before are refused.

Example:
    select parking.begin_epoch();
     begin_epoch
    -------------
               2
    (1 row)$$;

grant execute on function parking.begin_epoch() to parking_dba;

-- The feed passes on what happens in every tenant. Only a superuser may give an object away.
grant select on parking_private.event_log to parking_platform;
grant execute on function parking_private.refuse(text, text), parking_private.read_cursor(text),
    parking_private.write_cursor(integer, pg_snapshot, pg_snapshot, bigint), parking.event_cursor(), parking.problems() to parking_platform;
reset role;
alter function parking.events_after(text, bigint, pg_snapshot, integer) owner to parking_platform;

commit;
