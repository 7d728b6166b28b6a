-- Deploy parking:gate to pg
-- requires: capacity
-- requires: setting_tariffs
-- requires: overseeing
--
-- The gate of a garage. Whoever sits there has the role attendant, whose one permission beyond a guest's is write:garage; operators and
-- administrators have it too. Opening a garage takes write:parking. What one only reads, a DBA may read without an actor.
--
-- enter_garage() holds the garage and then looks at the clock, counts and writes, so that two who want the last space find out one
-- after the other. The number of the ticket comes from the tenant's counter, the last lock of all.

begin;

set local role parking_owner;

create function parking_private.normal_plate(plate text)
    returns text
    language plpgsql
    immutable
as $$
declare
    v_plate constant text := upper(regexp_replace(plate, '[^[:alnum:]]', '', 'g'));
begin
    if v_plate is null or v_plate !~ '^[[:upper:][:digit:]]{1,20}$' then
        perform parking_private.refuse('not-a-plate', 'A plate has 1 to 20 letters and digits.');
    end if;
    return v_plate;
end
$$;

comment on function parking_private.normal_plate(text) is
    'A plate in capital letters and digits, however it was written, as concessions have it; or the problem not-a-plate.';


create function parking_private.require_reason(reason text)
    returns text
    language plpgsql
    immutable
as $$
declare
    v_reason constant text := btrim(reason);
begin
    if v_reason is null or v_reason = '' or length(v_reason) > 500 or v_reason ~ '[[:cntrl:]]' then
        perform parking_private.refuse('not-a-reason', 'This takes a reason of 1 to 500 characters.');
    end if;
    return v_reason;
end
$$;

comment on function parking_private.require_reason(text) is 'A reason without blanks around it, or the problem not-a-reason.';


create function parking_private.desk(
    actor      bigint,
    lot        bigint,
    permission text default 'write:garage'
)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_tenant bigint;
    v_number bigint := desk.lot;
    v_lot    parking.lots;
begin
    if actor is null then
        select f.tenant_id into v_tenant from parking_private.find_tenant_of_lot(desk.lot, null) f;
    end if;
    perform parking_private.require_actor_or_dba(actor, permission, v_tenant);
    if v_number is null then
        select min(l.id) into v_number
        from parking.lots l
        where l.tenant_id = parking_private.current_tenant() and l.walk_ins and l.retired_at is null;
        if v_number is null then
            perform parking_private.refuse('no-garage', 'Vehicles without a booking cannot enter anywhere here.');
        end if;
    end if;
    select l.* into v_lot
    from parking.lots l
    where l.tenant_id = parking_private.current_tenant() and l.id = v_number and l.retired_at is null;
    if not found then
        perform parking_private.refuse_place('lot', lot);
    elsif not v_lot.walk_ins then
        perform parking_private.refuse('no-garage', format('Vehicles without a booking cannot enter %s.', v_lot.name));
    end if;
    return v_lot;
end
$$;

comment on function parking_private.desk(bigint, bigint, text) is
    'A lot with a garage, the first one where none is named, of the actor''s tenant, for who has the permission, or for a DBA where nobody is named; its tenant entered. Or the problems unknown-actor, not-permitted, unknown-lot, no-garage.';


create function parking_private.lot_of_ticket(ticket parking.tickets)
    returns parking.lots
    language plpgsql
    volatile
as $$
declare
    v_lot parking.lots;
begin
    select l.* into strict v_lot from parking.lots l where l.tenant_id = ticket.tenant_id and l.id = ticket.lot_id;
    return v_lot;
end
$$;

comment on function parking_private.lot_of_ticket(parking.tickets) is 'The lot of a ticket, also where it was retired since: who is inside may leave.';


create function parking_private.ticket_details(ticket parking.tickets, zone text)
    returns parking.ticket
    language plpgsql
    immutable
as $$
begin
    return (ticket.id, ticket.ticket_number, ticket.lot_id, ticket.plate, ticket.vehicle, ticket.entered_at, ticket.left_at, ticket.status,
        ceil(extract(epoch from ticket.left_at - ticket.entered_at) / 60)::integer, ticket.amount_cents, ticket.currency, ticket.method, zone);
end
$$;

comment on function parking_private.ticket_details(parking.tickets, text) is 'A ticket as the functions return it, with the time zone of its garage.';


create function parking_private.garage_details(lot parking.lots)
    returns parking.garage
    language plpgsql
    volatile
as $$
declare
    v_now      constant timestamptz := parking.clock();
    v_hour     constant timestamptz := v_now + interval '1 hour';
    v_garage   parking.garages;
    v_cents    bigint;
    v_currency text;
begin
    select g.* into strict v_garage from parking.garages g where g.tenant_id = lot.tenant_id and g.lot_id = lot.id;
    if parking_private.has_tariff(lot, v_now, v_hour) then
        select sum(q.amount_cents), min(q.currency) into strict v_cents, v_currency from parking_private.quote_lines(lot, v_now, v_hour) q;
    end if;
    return (lot.id, lot.name, v_garage.spaces, make_interval(secs => v_garage.assumed_stay_seconds), v_cents, v_currency, lot.time_zone);
end
$$;

comment on function parking_private.garage_details(parking.lots) is 'A garage as the functions return it, with what an hour from now on costs.';


create function parking.set_garage(
    actor              bigint,
    lot                bigint,
    spaces             integer default null,
    assumed_stay_hours numeric default null
)
    returns parking.garage
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
#variable_conflict use_column
declare
    v_lot     parking.lots := parking_private.hold_lot(set_garage.actor, set_garage.lot);
    v_garage  parking.garages;
    v_spaces  integer;
    v_seconds integer;
begin
    select g.* into v_garage from parking.garages g where g.tenant_id = v_lot.tenant_id and g.lot_id = v_lot.id;
    v_spaces := coalesce(set_garage.spaces, v_garage.spaces, 140);
    v_seconds := case
        when assumed_stay_hours is null then coalesce(v_garage.assumed_stay_seconds, 14400)
        when assumed_stay_hours > 0 and assumed_stay_hours <= 168 then round(assumed_stay_hours * 60) * 60
    end;
    if v_spaces < 1 or v_spaces > 100000 then
        perform parking_private.refuse('not-a-garage', 'A garage has 1 to 100000 spaces.');
    elsif v_seconds is null or v_seconds < 60 then
        perform parking_private.refuse('not-a-garage', 'A vehicle is assumed to stay for a minute at least and for 168 hours at most.');
    end if;
    insert into parking.garages as g (tenant_id, lot_id, spaces, assumed_stay_seconds)
    values (v_lot.tenant_id, v_lot.id, v_spaces, v_seconds)
    on conflict (tenant_id, lot_id) do update set spaces = excluded.spaces, assumed_stay_seconds = excluded.assumed_stay_seconds;
    update parking.lots l set walk_ins = true where l.tenant_id = v_lot.tenant_id and l.id = v_lot.id and not l.walk_ins;
    perform parking_private.audit(actor, 'garage.set', 'lot', v_lot.id,
        jsonb_build_object('spaces', v_spaces, 'assumed_stay_seconds', v_seconds));
    return parking_private.garage_details(v_lot);
end
$$;

comment on function parking.set_garage(bigint, bigint, integer, numeric) is
$$Let vehicles without a booking enter a lot, or change how many fit inside and how long one is assumed to stay. Returns the garage.

What is left out stays as it is; in a new garage there are 140 spaces, and a vehicle is assumed to stay for four hours. The stay is rounded to minutes.
What they pay is a tariff of the lot: parking.set_tariff(). Who is inside stays, also where there are fewer spaces than vehicles now.

Problems: unknown-actor, not-permitted, unknown-lot, not-a-garage.

Example:
    select name, spaces, assumed_stay, hourly_rate_cents from parking.set_garage(parking.find_person('operator@parking.com'), 2, spaces => 1500);
          name      | spaces | assumed_stay | hourly_rate_cents
    ----------------+--------+--------------+-------------------
     Central Garage |   1500 | 04:00:00     |
    (1 row)$$;

grant execute on function parking.set_garage(bigint, bigint, integer, numeric) to parking_service, parking_dba;


create function parking.find_garage(
    lot   bigint,
    actor bigint default null
)
    returns parking.garage
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_lot constant parking.lots := parking_private.enter_lot(lot, 'default', actor);
begin
    if not v_lot.walk_ins then
        perform parking_private.refuse('no-garage', format('Vehicles without a booking cannot enter %s.', v_lot.name));
    end if;
    return parking_private.garage_details(v_lot);
end
$$;

comment on function parking.find_garage(bigint, bigint) is
$$The garage of a lot: its spaces, how long a vehicle is assumed to stay, and what an hour from now on costs.

Problems: unknown-lot, no-garage.

Example:
    select name, spaces, assumed_stay, hourly_rate_cents, currency from parking.find_garage(4);
        name    | spaces | assumed_stay | hourly_rate_cents | currency
    ------------+--------+--------------+-------------------+----------
     Ostbahnhof |    140 | 04:00:00     |              1000 | EUR
    (1 row)$$;

grant execute on function parking.find_garage(bigint, bigint) to parking_service, parking_dba;


create function parking_private.next_ticket(tenant bigint)
    returns bigint
    language sql
    volatile
begin atomic
    insert into parking.ticket_counters as c (tenant_id, issued)
    values (next_ticket.tenant, 1)
    on conflict (tenant_id) do update set issued = c.issued + 1
    returning issued;
end;

comment on function parking_private.next_ticket(bigint) is 'A number that no ticket of this tenant has had; whoever wants the next one waits until this transaction ends.';


create function parking.enter_garage(
    actor   bigint,
    lot     bigint,
    plate   text,
    vehicle text default 'Car'
)
    returns parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person  constant parking.people := parking_private.require_actor(actor, 'write:garage');
    v_lot     constant parking.lots := parking_private.desk(actor, lot);
    v_plate   constant text := parking_private.normal_plate(plate);
    v_vehicle constant text := btrim(vehicle);
    v_garage  parking.garages;
    v_now     timestamptz;
    v_ticket  parking.tickets;
begin
    if v_vehicle is null or v_vehicle !~ '^[^[:cntrl:]]{1,50}$' then
        perform parking_private.refuse('not-a-vehicle', 'A kind of vehicle has 1 to 50 characters.');
    end if;
    v_garage := parking_private.hold_garage(v_lot.tenant_id, v_lot.id);
    -- Whoever retires a lot holds its garage as well.
    perform from parking.lots l where l.tenant_id = v_lot.tenant_id and l.id = v_lot.id and l.retired_at is null;
    if not found then
        perform parking_private.refuse_place('lot', v_lot.id);
    end if;

    v_now := parking.clock();
    select t.* into v_ticket
    from parking.tickets t
    where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.plate = v_plate and t.status = 'open';
    if found then
        perform parking_private.refuse('vehicle-inside', format('%s entered on %s, with ticket %s.', v_plate,
            parking_private.local_time(v_ticket.entered_at, v_lot.time_zone), v_ticket.ticket_number));
    elsif parking_private.most_inside(v_garage, v_now, v_now + make_interval(secs => v_garage.assumed_stay_seconds), v_now) >= v_garage.spaces then
        perform parking_private.refuse('garage-full', format('All %s spaces of %s are taken, or booked for the next hours.', v_garage.spaces,
            v_lot.name));
    end if;

    insert into parking.tickets as t (tenant_id, lot_id, id, plate, vehicle, entered_at, entered_by)
    values (v_lot.tenant_id, v_lot.id, parking_private.next_ticket(v_lot.tenant_id), v_plate, v_vehicle, v_now, v_person.id)
    returning t.* into v_ticket;

    perform parking_private.announce(v_lot.tenant_id, 'entered', v_lot.id, null, null, v_person.id, v_now, null, v_now);
    return parking_private.ticket_details(v_ticket, v_lot.time_zone);
end
$$;

comment on function parking.enter_garage(bigint, bigint, text, text) is
$$Let a vehicle without a booking into a garage; returns its ticket. Who wants to enter at the same moment, or to book there, waits.

A garage is full when its open tickets, which are assumed to stay for a time, and the bookings of that time take all of its spaces.
A plate may be written with blanks and hyphens, in small or capital letters. It has one open ticket in a garage.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-plate, not-a-vehicle, vehicle-inside, garage-full.

Example:
    select ticket_number, plate, vehicle, status from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123');
     ticket_number | plate  | vehicle | status
    ---------------+--------+---------+--------
     PS-0001       | BAB123 | Car     | open
    (1 row)

    select * from parking.enter_garage(parking.find_person('operator@parking.com'), 2, 'B-AB 123');
    ERROR:  Vehicles without a booking cannot enter Central Garage.
    DETAIL:  No garage
    HINT:  An operator opens one: select * from parking.set_garage(actor, lot).$$;

grant execute on function parking.enter_garage(bigint, bigint, text, text) to parking_service, parking_dba;


create function parking_private.require_ticket(
    tenant        bigint,
    ticket_number text,
    lot           bigint default null
)
    returns parking.tickets
    language plpgsql
    volatile
as $$
declare
    v_number constant text := upper(btrim(ticket_number));
    v_ticket parking.tickets;
begin
    select t.* into v_ticket
    from parking.tickets t
    where t.tenant_id = require_ticket.tenant
      and t.id = substring(v_number from '^PS-(\d{4,18})$')::bigint
      and t.ticket_number = v_number
      and (require_ticket.lot is null or t.lot_id = require_ticket.lot);
    if not found then
        perform parking_private.refuse('unknown-ticket', format('There is no ticket %s.', coalesce(quote_literal(left(v_number, 50)), 'without a number')));
    end if;
    return v_ticket;
end
$$;

comment on function parking_private.require_ticket(bigint, text, bigint) is
    'A ticket of this tenant by its number, in small or capital letters, in any of its garages or in the one that is named; or the problem unknown-ticket.';


create function parking_private.show_ticket(
    actor         bigint,
    ticket_number text,
    lot           bigint default null
)
    returns parking.tickets
    language plpgsql
    volatile
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:garage');
begin
    return parking_private.require_ticket(v_person.tenant_id, ticket_number, lot);
end
$$;

comment on function parking_private.show_ticket(bigint, text, bigint) is
    'A ticket for who may sit at a desk, as it is now; or the problems unknown-actor, not-permitted, unknown-ticket.';


create function parking.find_ticket(
    actor         bigint,
    ticket_number text,
    lot           bigint default null
)
    returns parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_ticket constant parking.tickets := parking_private.show_ticket(actor, ticket_number, lot);
begin
    return parking_private.ticket_details(v_ticket, (parking_private.lot_of_ticket(v_ticket)).time_zone);
end
$$;

comment on function parking.find_ticket(bigint, text, bigint) is
$$A ticket by its number, whatever has become of it. For a desk that has to do with one lot only, a ticket of another one does not exist.

Problems: unknown-actor, not-permitted, unknown-ticket.

Example:
    select t.ticket_number, t.plate, t.status
    from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123') e,
         parking.find_ticket(parking.find_person('operator@parking.com'), e.ticket_number) t;
     ticket_number | plate  | status
    ---------------+--------+--------
     PS-0001       | BAB123 | open
    (1 row)$$;

grant execute on function parking.find_ticket(bigint, text, bigint) to parking_service, parking_dba;


create function parking.look_up_ticket(
    actor bigint,
    lot   bigint,
    what  text
)
    returns parking.ticket
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:garage');
    v_lot    constant parking.lots := parking_private.desk(v_person.id, lot);
    v_plate  constant text := parking_private.normal_plate(what);
    v_number constant bigint := substring(upper(btrim(what)) from '^PS[[:blank:]-]*([0-9]{1,18})$')::bigint;
    v_ticket parking.tickets;
begin
    v_ticket := (
        select f.ticket
        from (
            select t as ticket, t.status, 1 as place
            from parking.tickets t
            where t.tenant_id = v_lot.tenant_id and t.id = v_number and t.lot_id = v_lot.id
            union all
            select t, t.status, 2
            from parking.tickets t
            where t.tenant_id = v_lot.tenant_id and t.lot_id = v_lot.id and t.plate = v_plate and t.status = 'open'
        ) f
        -- Who is inside is more likely to be meant than who has left.
        order by f.status <> 'open', f.place
        limit 1
    );
    if v_ticket.id is null then
        perform parking_private.refuse('unknown-ticket', format('Neither a ticket nor a vehicle inside is called %s.', v_plate));
    end if;
    return parking_private.ticket_details(v_ticket, v_lot.time_zone);
end
$$;

comment on function parking.look_up_ticket(bigint, bigint, text) is
$$A ticket of a garage as somebody at the desk asks for it: by its number, which may be written as PS 1, or else by the plate of a vehicle that is inside.

An open ticket goes before a closed one, and of two that are open the one with the number.

Problems: unknown-actor, not-permitted, unknown-lot, no-garage, not-a-plate, unknown-ticket.

Example:
    select n.what, t.ticket_number, t.plate
    from parking.enter_garage(parking.find_person('operator@parking.com'), 4, 'B-AB 123') e,
         unnest('{ps 1,b ab 123}'::text[]) n(what),
         parking.look_up_ticket(parking.find_person('operator@parking.com'), e.lot_id, n.what) t;
       what   | ticket_number | plate
    ----------+---------------+--------
     ps 1     | PS-0001       | BAB123
     b ab 123 | PS-0001       | BAB123
    (2 rows)$$;

grant execute on function parking.look_up_ticket(bigint, bigint, text) to parking_service, parking_dba;

commit;
