-- Deploy parking:announcing to pg
-- requires: events
-- requires: context
-- requires: lots
--
-- announce() is the last thing that a write does. It appends what happened to parking.events and rings a doorbell; the
-- bell carries nothing. Who hears it reads parking.events_after(cursor) and misses nothing, in whatever order
-- transactions commit, because the cursor is the previous reader's snapshot and not an id.
--
-- A commit that notifies holds a lock of the whole cluster until it is flushed, so one commit of a wave rings for all:
-- whoever gets the advisory lock of the current 50 ms. A writer that found the bell taken already has its transaction
-- id, so the reader whom the ringer wakes sees it, or sees it in progress and looks again. The 50 ms are in the key
-- because a session that has booked and not yet committed would otherwise silence the bell for everybody.

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
    v_window integer := (extract(epoch from parking.clock()) * 20)::bigint % 2147483647;
begin
    insert into parking.events (tenant_id, type, lot_id, spot_id, reservation_id, actor_id, starts, ends, at)
    values (announce.tenant, announce.type, announce.lot, announce.spot, announce.reservation, announce.actor,
            announce.starts, announce.ends, announce.at);

    if pg_try_advisory_xact_lock(c_bell, v_window) then
        perform pg_notify('parking', '');
    end if;
end
$$;

comment on function parking_private.announce(bigint, text, bigint, bigint, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Append an event and ring the doorbell; the only place that writes events and the only one that notifies.';


create function parking.events_after(after pg_snapshot default null)
    returns table (
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
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select e.id, e.type, e.lot_id, e.spot_id, e.reservation_id, e.starts, e.ends, e.at, l.time_zone
    from parking.events e
    join parking.lots l on l.tenant_id = e.tenant_id and l.id = e.lot_id
    where events_after.after is null
       or e.xid >= pg_snapshot_xmax(events_after.after)
       or e.xid = any (array(select pg_snapshot_xip(events_after.after)))
    order by e.xid, e.id;
end;

comment on function parking.events_after(pg_snapshot) is
$$What happened since a snapshot was taken, each event once, whatever the order of commits; without one, all of it.

Take the next cursor in the same statement as the events: select pg_current_snapshot(), e.* from parking.events_after(...) e.
LISTEN parking tells when it is worth asking again. It does not say who did it; the view parking.history does.

Example:
    select type, spot_id from parking.events_after(pg_current_snapshot());
     type | spot_id
    ------+---------
    (0 rows)$$;

grant execute on function parking.events_after(pg_snapshot) to parking_service, parking_dba;

commit;
