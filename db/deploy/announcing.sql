-- Deploy parking:announcing to pg
-- requires: events
-- requires: context
-- requires: lots
--
-- announce() is the last thing that a write does. It appends what happened to parking.events and rings a doorbell; the
-- bell carries nothing, or the number of a lot that was changed itself (announce_lot): that is in no record but the audit,
-- and whoever may have missed such a bell reads the whole lot anew. Who hears it reads parking.events_after(cursor) and misses nothing, in whatever order
-- transactions commit, because a cursor is a snapshot and not an id.
--
-- A commit that notifies holds a lock of the whole cluster until it is flushed, so one commit of a wave rings for all:
-- whoever gets the advisory lock of the current 50 ms. A writer that found the bell taken already has its transaction
-- id, so the reader whom the ringer wakes sees it, or sees it in progress and looks again. The 50 ms are in the key
-- because a session that has booked and not yet committed would otherwise silence the bell for everybody.
--
-- A reading delivers the events that its snapshot sees and the reading before did not, in the order of their ids: an
-- event gets its id under the lock of its row, so what one spot went through has growing ids. (Transaction numbers may
-- not: who books a spot that another one has just freed may have begun earlier.) A cursor stands within a reading: it
-- names the epoch, the snapshot of the reading before, the snapshot of this reading, the next event to deliver and the
-- last one of the reading. Everything that the first snapshot saw has been delivered, and of what the second one saw
-- everything before the next event. A reading that is complete is the beginning of one: both snapshots are its own, and
-- there is no next event.
--
-- A snapshot in a cursor outlives a crash of the server, which transaction numbers above the last one on disk do not:
-- they are given out again. So it ends behind the last transaction whose event it sees, and which is therefore on disk
-- (settled_snapshot); a snapshot as PostgreSQL takes it would count those numbers as seen.

begin;

set local role parking_owner;

create function parking_private.announce(
    tenant        bigint,
    type          text,
    lot           bigint,
    spot          bigint,
    reservation   bigint,
    actor         bigint,
    starts        timestamptz,
    ends          timestamptz,
    at            timestamptz,
    former_starts timestamptz default null,
    former_ends   timestamptz default null
)
    returns void
    language plpgsql
    volatile
as $$
declare
    c_bell   constant integer := 727564;  -- any number that no other advisory lock of this database uses
    v_window integer := (date_part('epoch', announce.at) * 20)::bigint % 2147483647;
begin
    insert into parking.events (tenant_id, epoch, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at, former_starts, former_ends)
    select announce.tenant, l.epoch, announce.type, announce.lot, announce.spot, announce.reservation, announce.actor,
           announce.starts, announce.ends, announce.at, announce.former_starts, announce.former_ends
    from parking_private.event_log l;

    if pg_try_advisory_xact_lock(c_bell, v_window) then
        perform pg_notify('parking', '');
    end if;
end
$$;

comment on function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz, timestamptz, timestamptz) is
    'Append an event and ring the doorbell; the only place that writes events.';


create function parking_private.announce_lot(lot bigint)
    returns void
    language plpgsql
    volatile
as $$
begin
    perform pg_notify('parking', lot::text);
end
$$;

comment on function parking_private.announce_lot(bigint) is
    'Ring once this transaction commits, and say which lot was built on or has other hours: the audit keeps what was done to it, the bell says only that its boards are to be read anew.';


create function parking_private.settled_snapshot(
    epoch     integer,
    forgotten xid8
)
    returns pg_snapshot
    language plpgsql
    stable
as $$
declare
    v_now    pg_snapshot := pg_current_snapshot();
    v_own    xid8 := pg_current_xact_id_if_assigned();  -- in progress, though no snapshot of its own says so
    v_newest xid8 := (
        select e.xid
        from parking.events e
        where e.epoch = settled_snapshot.epoch and pg_visible_in_snapshot(e.xid, v_now) and e.xid is distinct from v_own
        order by e.xid desc
        limit 1);
    v_end    bigint := greatest(coalesce(v_newest, '0'), settled_snapshot.forgotten, '2')::text::bigint + 1;
begin
    return (
        select format('%s:%s:%s', coalesce(min(r.xid), v_end), v_end, string_agg(r.xid::text, ',' order by r.xid))
        from (
            select x.xid::text::bigint as xid from pg_snapshot_xip(v_now) x (xid)
            union
            select v_own::text::bigint
        ) r
        where r.xid < v_end)::pg_snapshot;
end
$$;

comment on function parking_private.settled_snapshot(integer, xid8) is
    'What the current snapshot sees of the events, in numbers of transactions that are on disk and stay what they are.';


create function parking_private.write_cursor(
    within text,
    behind text,
    next   bigint,
    last   bigint
)
    returns text
    language sql
    stable
    return case when next is null then behind else concat_ws('~', within, next, last) end;

comment on function parking_private.write_cursor(text, text, bigint, bigint) is
    'A cursor within a reading, or behind it when there is no next event; in letters that an address may contain.';


create function parking_private.read_cursor(
    cursor     text,
    out epoch  integer,
    out before pg_snapshot,
    out batch  pg_snapshot,
    out next   bigint,
    out last   bigint
)
    language plpgsql
    stable
as $$
declare
    c_snapshot constant text := '~([0-9]{1,19}:[0-9]{1,19}:[0-9,]*)';
    c_id       constant text := '~([0-9]{1,18})';
    v_part     text[] := regexp_match(cursor, concat('^([0-9]{1,9})', c_snapshot, '(?:', c_snapshot, c_id, c_id, ')?$'));
begin
    if v_part is null then
        perform parking_private.refuse('not-a-cursor', 'This is not a cursor of this record.');
    end if;
    epoch := v_part[1]::integer;
    before := v_part[2]::pg_snapshot;
    batch := coalesce(v_part[3], v_part[2])::pg_snapshot;
    next := v_part[4]::bigint;
    last := v_part[5]::bigint;
exception when invalid_text_representation then
    -- Digits in the right places that make no snapshot.
    perform parking_private.refuse('not-a-cursor', 'This is not a cursor of this record.');
end
$$;

comment on function parking_private.read_cursor(text) is
    'The parts of a cursor, or the problem not-a-cursor; next and last are null behind a reading.';


create function parking.event_cursor()
    returns text
    -- Not in SQL, which would be planned anew in each call.
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return (
        select concat_ws('~', l.epoch, parking_private.settled_snapshot(l.epoch, l.forgotten))
        from parking_private.event_log l);
end
$$;

comment on function parking.event_cursor() is
$$A cursor that stands behind everything that has happened so far.

Read in one statement with parking.events_after(), it is where the next reading begins.

Example:
    select type, spot_id from parking.events_after(parking.event_cursor());
     type | spot_id
    ------+---------
    (0 rows)$$;

grant execute on function parking.event_cursor() to parking_service, parking_dba;


-- One plan serves every cursor, and PL/pgSQL keeps it: so the ends of the snapshots are sub-selects, into which the planner does not
-- look, and there are two of them, between which it expects little. To plan anew for each cursor, over all partitions, took longer
-- than to read.
create function parking_private.events_between(
    epoch  integer,
    before pg_snapshot,
    batch  pg_snapshot
)
    returns setof parking.events
    language sql
    stable
begin atomic
    select e.tenant_id, e.id, e.epoch, e.xid, e.type, e.lot_id, e.spot_id, e.reservation_id, e.actor_id, e.starts, e.ends, e.at,
           e.former_starts, e.former_ends
    from parking.events e
    where e.epoch = events_between.epoch
      and e.xid >= (select pg_snapshot_xmax(events_between.before))
      and e.xid < (select pg_snapshot_xmax(events_between.batch))
      and pg_visible_in_snapshot(e.xid, events_between.batch)
    union all
    select e.tenant_id, e.id, e.epoch, e.xid, e.type, e.lot_id, e.spot_id, e.reservation_id, e.actor_id, e.starts, e.ends, e.at,
           e.former_starts, e.former_ends
    from parking.events e
    where e.epoch = events_between.epoch
      and e.xid = any (array(select pg_snapshot_xip(events_between.before)))
      and pg_visible_in_snapshot(e.xid, events_between.batch);
end;

comment on function parking_private.events_between(integer, pg_snapshot, pg_snapshot) is
    'The events that one snapshot sees and the one before did not; found by their transactions, in no order.';


create function parking_private.last_of_reading(
    epoch  integer,
    before pg_snapshot,
    batch  pg_snapshot,
    lot    bigint
)
    returns bigint
    language plpgsql
    stable
as $$
begin
    return (
        select max(e.id)
        from parking_private.events_between(last_of_reading.epoch, last_of_reading.before, last_of_reading.batch) e
        where last_of_reading.lot is null or e.lot_id = last_of_reading.lot);
end
$$;

comment on function parking_private.last_of_reading(integer, pg_snapshot, pg_snapshot, bigint) is
    'The last event of a reading that is too long for one page.';


create function parking_private.begin_reading(
    epoch   integer,
    before  pg_snapshot,
    batch   pg_snapshot,
    lot     bigint,
    at_most integer
)
    returns table (
        tenant_id      bigint,
        id             bigint,
        type           text,
        lot_id         bigint,
        spot_id        bigint,
        reservation_id bigint,
        starts         timestamptz,
        ends           timestamptz,
        at             timestamptz,
        former_starts  timestamptz,
        former_ends    timestamptz,
        next           bigint,
        last           bigint
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
begin
    return query
        select p.tenant_id, p.id, p.type, p.lot_id, p.spot_id, p.reservation_id, p.starts, p.ends, p.at, p.former_starts, p.former_ends,
               lead(p.id) over (order by p.id),
               case when count(*) over () > begin_reading.at_most then
                   (select parking_private.last_of_reading(
                       begin_reading.epoch, begin_reading.before, begin_reading.batch, begin_reading.lot))
               else
                   max(p.id) over ()
               end
        from (
            select e.tenant_id, e.id, e.type, e.lot_id, e.spot_id, e.reservation_id, e.starts, e.ends, e.at, e.former_starts, e.former_ends
            from parking_private.events_between(begin_reading.epoch, begin_reading.before, begin_reading.batch) e
            where begin_reading.lot is null or e.lot_id = begin_reading.lot
            order by e.id
            limit begin_reading.at_most + 1
        ) p
        order by p.id
        limit begin_reading.at_most;
end
$$;

comment on function parking_private.begin_reading(integer, pg_snapshot, pg_snapshot, bigint, integer) is
    'The first events of a reading, found by their transactions, with the next one and the last of all.';


create function parking_private.resume_reading(
    epoch   integer,
    before  pg_snapshot,
    batch   pg_snapshot,
    lot     bigint,
    next    bigint,
    last    bigint,
    at_most integer
)
    returns table (
        tenant_id      bigint,
        id             bigint,
        type           text,
        lot_id         bigint,
        spot_id        bigint,
        reservation_id bigint,
        starts         timestamptz,
        ends           timestamptz,
        at             timestamptz,
        former_starts  timestamptz,
        former_ends    timestamptz,
        next_id        bigint
    )
    language plpgsql
    stable
as $$
#variable_conflict use_column
begin
    -- By id, tenant by tenant, as the primary key has them: a page costs as much as is in it, however much is to come.
    return query
        select p.tenant_id, p.id, p.type, p.lot_id, p.spot_id, p.reservation_id, p.starts, p.ends, p.at, p.former_starts, p.former_ends,
               lead(p.id) over (order by p.id)
        from (
            select r.tenant_id, r.id, r.type, r.lot_id, r.spot_id, r.reservation_id, r.starts, r.ends, r.at, r.former_starts, r.former_ends
            from parking.tenants t
            cross join lateral (
                select e.tenant_id, e.id, e.type, e.lot_id, e.spot_id, e.reservation_id, e.starts, e.ends, e.at, e.former_starts, e.former_ends
                from parking.events e
                where e.tenant_id = t.id
                  and e.id >= resume_reading.next
                  and e.id <= resume_reading.last
                  and e.epoch = resume_reading.epoch
                  and not pg_visible_in_snapshot(e.xid, resume_reading.before)
                  and pg_visible_in_snapshot(e.xid, resume_reading.batch)
                  and (resume_reading.lot is null or e.lot_id = resume_reading.lot)
                order by e.id
                limit resume_reading.at_most + 1
            ) r
            where resume_reading.lot is null or t.id in (select l.tenant_id from parking.lots l where l.id = resume_reading.lot)
            order by r.id
            limit resume_reading.at_most + 1
        ) p
        order by p.id
        limit resume_reading.at_most;
end
$$;

comment on function parking_private.resume_reading(integer, pg_snapshot, pg_snapshot, bigint, bigint, bigint, integer) is
    'The events of a reading from the next one on, found by their ids.';


create function parking.events_after(
    after   text default null,
    lot     bigint default null,
    until   text default null,
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
        time_zone      text,
        former_starts  timestamptz,
        former_ends    timestamptz
    )
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_log    record;
    v_cursor record;
    v_until  record;
    v_within text;  -- written once: a snapshot under load is long
    v_behind text;
    v_number integer := 0;
begin
    if at_most is null or at_most < 1 or at_most > 100000 then
        perform parking_private.refuse('not-a-number-of-rows',
            format('At most %s events cannot be read.', coalesce(at_most::text, 'null')));
    end if;
    select l.epoch, l.forgotten into strict v_log from parking_private.event_log l;
    select c.epoch, c.before, c.batch, c.next, c.last into strict v_cursor
    from parking_private.read_cursor(coalesce(events_after.after, v_log.epoch || '~3:3:')) c;
    select c.epoch, c.batch, c.next into strict v_until
    from parking_private.read_cursor(coalesce(events_after.until, parking.event_cursor())) c;
    if v_until.next is not null then
        perform parking_private.refuse('not-a-cursor', 'Only a cursor that stands behind everything can be the end.');
    end if;
    if after is not null and (
        v_cursor.epoch <> v_log.epoch
        or v_until.epoch <> v_log.epoch
        or pg_snapshot_xmin(v_cursor.before) <= v_log.forgotten
        or pg_snapshot_xmax(v_cursor.batch) > pg_snapshot_xmax(pg_current_snapshot())
    ) then
        perform parking_private.refuse('cursor-too-old', 'The record does not reach back to this cursor, or it has been restored since.');
    end if;

    if v_cursor.next is not null then
        v_within := concat_ws('~', v_log.epoch, v_cursor.before, v_cursor.batch);
        v_behind := concat_ws('~', v_log.epoch, v_cursor.batch);
        return query
            select parking_private.write_cursor(v_within, v_behind, r.next_id, v_cursor.last),
                   r.id, r.type, r.lot_id, r.spot_id, r.reservation_id, r.starts, r.ends, r.at, l.time_zone, r.former_starts, r.former_ends
            from parking_private.resume_reading(
                v_log.epoch, v_cursor.before, v_cursor.batch, events_after.lot, v_cursor.next, v_cursor.last, events_after.at_most) r
            join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
            order by r.id;
        get diagnostics v_number = row_count;
    end if;
    if v_number < at_most then
        v_within := concat_ws('~', v_log.epoch, v_cursor.batch, v_until.batch);
        v_behind := concat_ws('~', v_log.epoch, v_until.batch);
        return query
            select parking_private.write_cursor(v_within, v_behind, r.next, r.last),
                   r.id, r.type, r.lot_id, r.spot_id, r.reservation_id, r.starts, r.ends, r.at, l.time_zone, r.former_starts, r.former_ends
            from parking_private.begin_reading(v_log.epoch, v_cursor.batch, v_until.batch, events_after.lot, events_after.at_most - v_number) r
            join parking.lots l on l.tenant_id = r.tenant_id and l.id = r.lot_id
            order by r.id;
    end if;
end
$$;

comment on function parking.events_after(text, bigint, text, integer) is
$$What happened after a cursor, each event once, whatever the order of commits; without a cursor, from the beginning.

Each event comes with the cursor that stands behind it. Only of one lot, if one is given; only what stands before another
cursor, if one of parking.event_cursor() is given. What this transaction itself has not committed has not happened yet.
A reservation that was rescheduled has its new period in starts and ends and the one before in former_starts and former_ends.
LISTEN parking tells when it is worth asking again. It does not say who did it; the view parking.history does.

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

grant execute on function parking.events_after(text, bigint, text, integer) to parking_service, parking_dba;


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
grant execute on function
    parking.problems(),
    parking_private.refuse(text, text),
    parking_private.settled_snapshot(integer, xid8),
    parking_private.write_cursor(text, text, bigint, bigint),
    parking_private.read_cursor(text),
    parking_private.events_between(integer, pg_snapshot, pg_snapshot),
    parking_private.last_of_reading(integer, pg_snapshot, pg_snapshot, bigint),
    parking_private.begin_reading(integer, pg_snapshot, pg_snapshot, bigint, integer),
    parking_private.resume_reading(integer, pg_snapshot, pg_snapshot, bigint, bigint, bigint, integer)
to parking_platform;
reset role;
alter function parking.event_cursor() owner to parking_platform;
alter function parking.events_after(text, bigint, text, integer) owner to parking_platform;

commit;
