-- Deploy parking:tallying to pg
-- requires: lot_tallies
-- requires: finding_tenants
-- requires: context
--
-- A number is given out before its reservation is there, and transactions end in any order. So a number goes through three calls of
-- tally_reservations(). The first notes it as the last one that was given out. The second is a transaction that began to write
-- after that: whoever has this number or a lower one has begun to write before (book() locks its spot, which makes it a writer,
-- before it takes a number). The third counts up to it, if all who had begun to write before the second have ended.

begin;

set local role parking_owner;

create function parking_private.last_reservation()
    returns bigint
    language plpgsql
    volatile
as $$
begin
    return (select case when s.is_called then s.last_value else 0 end from parking.reservations_id_seq s);
end
$$;

comment on function parking_private.last_reservation() is 'The last number that was given to a reservation, which need not be there; 0: none was.';


create function parking_private.count_lots(after bigint, upto bigint)
    returns bigint
    language plpgsql
    volatile
as $$
declare
    v_tenant bigint;
    v_lots   bigint;
    v_number bigint := 0;
begin
    if upto <= after then
        return 0;
    end if;
    for v_tenant in select t.id from parking_private.all_tenants() t(id) loop
        perform parking_private.enter_tenant(v_tenant);
        insert into parking.lot_tallies as t (tenant_id, lot_id, reservations)
        select r.tenant_id, r.lot_id, count(*)
        from parking.reservations r
        where r.tenant_id = v_tenant and r.id > count_lots.after and r.id <= count_lots.upto
        group by r.tenant_id, r.lot_id
        order by r.lot_id
        on conflict (tenant_id, lot_id) do update set reservations = t.reservations + excluded.reservations;
        get diagnostics v_lots = row_count;
        v_number := v_number + v_lots;
    end loop;
    return v_number;
end
$$;

comment on function parking_private.count_lots(bigint, bigint) is
    'Add the reservations after one number up to another to the tallies of their lots; of how many lots there were any.';


create function parking.tally_reservations()
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_mark  record;
    v_lots  bigint;
    v_epoch constant integer := (select l.epoch from parking_private.event_log l);
begin
    -- This transaction has to have begun to write after the call before.
    if pg_current_xact_id_if_assigned() is not null then
        return 0;
    end if;
    select m.counted, m.ahead, m.epoch, m.writer into v_mark from parking_private.lot_tally_mark m for update skip locked;
    if not found or v_mark.epoch = v_epoch and pg_snapshot_xmin(pg_current_snapshot()) <= v_mark.writer then
        return 0;
    end if;
    v_lots := parking_private.count_lots(v_mark.counted, v_mark.ahead);
    update parking_private.lot_tally_mark m
    set counted = m.ahead, ahead = m.noted, noted = greatest(m.noted, parking_private.last_reservation()),
        epoch = v_epoch, writer = pg_current_xact_id();
    return v_lots;
end
$$;

comment on function parking.tally_reservations() is
$$Count the reservations that have come since the last time, lot by lot, so that parking.stats() need not; of how many lots there were any.

The stale checker calls it every minute. What is new is counted the next time but one, and not while transactions of before are under way.
In a transaction that has written it does nothing. parking.stats() is right at any moment, and only slower when nobody calls this.

Example:
    select parking.tally_reservations() >= 0 as counted;
     counted
    ---------
     t
    (1 row)$$;

grant execute on function parking.tally_reservations() to parking_dba;


create function parking_private.count_reservations(tenant bigint, lot bigint)
    returns bigint
    language plpgsql
    volatile
as $$
declare
    v_counted bigint;
    v_until   bigint;
    v_since   bigint;
begin
    -- Both at one moment. What is counted up to a number stays so, whoever goes on counting before the next statement.
    select m.counted, coalesce(t.reservations, 0) into strict v_until, v_counted
    from parking_private.lot_tally_mark m
    left join parking.lot_tallies t on t.tenant_id = count_reservations.tenant and t.lot_id = count_reservations.lot;
    select count(*) into v_since
    from parking.reservations r
    where r.tenant_id = count_reservations.tenant and r.lot_id = count_reservations.lot and r.id > v_until;
    return v_counted + v_since;
end
$$;

comment on function parking_private.count_reservations(bigint, bigint) is
    'How many reservations there have ever been in a lot of the tenant that was entered.';

commit;
