-- Deploy parking:expecting to pg
-- requires: building
-- requires: changing
--
-- Two who look at the same thing and then change it both mean what they saw; the second would undo the first unawares.
-- version() names what find_…() and describe_lot() answered, and nothing is stored for it: whatever changes the answer
-- changes its name. expect() holds the lot, as whatever builds on it does, looks anew, and refuses where it no longer is
-- what was seen; what is called with the actor that it returns then finds it unchanged until the transaction ends:
--
--     select c.* from parking.expect(7, 'spot', 1, '{…}') as actor, parking.change_spot(actor, 1, 'B12') c
--
-- The version is made of the very answer that it goes out with, in one expression. Asked for by a call of its own it
-- could be that of a later state, and would then permit what it is there to prevent.

begin;

set local role parking_owner;

create function parking.version(answer jsonb)
    returns text
    language sql
    immutable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
    return translate(encode(substr(sha256(convert_to(answer::text, 'UTF8')), 1, 15), 'base64'), '+/', '-_');

comment on function parking.version(jsonb) is
$$A name for what a function has answered: 20 letters, digits, - and _, the same for the same answer. expect() takes it.

Example:
    select parking.version(to_jsonb(s)) from parking.find_spot(1) s;
           version
    ----------------------
     9AC5zk1Obh0DtWHgguLw
    (1 row)$$;

grant execute on function parking.version(jsonb) to parking_service, parking_dba;


create function parking_private.hold_reservation(
    actor       bigint,
    reservation bigint
)
    returns parking.bookings
    language plpgsql
    volatile
as $$
declare
    v_person constant parking.people := parking_private.require_actor(actor, 'write:reservation');
    v_spot   bigint;
begin
    -- All that reschedule() locks, and in its order: whoever held the reservation first and then wanted the spot would
    -- wait for a booking there that waits for the reservation.
    perform from parking.people p
    where p.tenant_id = v_person.tenant_id and p.id = v_person.id
    for key share;
    v_spot := (parking_private.require_booking(v_person, reservation, 'write:parking')).spot_id;
    perform from parking.spots s
    where s.tenant_id = v_person.tenant_id and s.id = v_spot
    for update;
    perform from parking.reservations r
    where r.tenant_id = v_person.tenant_id and r.id = hold_reservation.reservation
    for update;
    return parking_private.require_booking(v_person, reservation, 'write:parking');
end
$$;

comment on function parking_private.hold_reservation(bigint, bigint) is
    'A reservation that the actor may change, as it is now; nobody else changes it, nor books its spot, until the transaction ends.';


create function parking.expect(
    actor    bigint,
    kind     text,
    place    bigint,
    versions text[]
)
    returns bigint
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_answer jsonb;
begin
    if versions is null then
        return actor;
    elsif kind = 'reservation' then
        v_answer := to_jsonb(parking_private.hold_reservation(actor, place));
    elsif kind in ('lot', 'slots') then
        perform parking_private.hold_lot(actor, place);
    else
        perform parking_private.hold_place(actor, kind, place);
    end if;
    -- By functions that are VOLATILE, as they all are: one that is not would look with the eyes of before the lock.
    if v_answer is not null then
        null;
    elsif kind = 'lot' then
        v_answer := parking.describe_lot(place, actor);
    elsif kind = 'slots' then
        v_answer := to_jsonb(array(select s.slot from parking.list_slots(place, actor) s(slot)));
    elsif kind = 'floor' then
        v_answer := to_jsonb(parking.find_floor(place, actor));
    elsif kind = 'row' then
        v_answer := to_jsonb(parking.find_row(place, actor));
    else
        v_answer := to_jsonb(parking.find_spot(place, actor));
    end if;
    if (parking.version(v_answer) = any (versions) or '*' = any (versions)) is not true then
        perform parking_private.refuse('precondition-failed', 'This is no longer what was seen; it has changed since.');
    end if;
    return actor;
end
$$;

comment on function parking.expect(bigint, text, bigint, text[]) is
$$Refuse to go on where a lot, its slots, a floor, a row, a spot or a reservation is none of the versions that were seen; returns the
actor, for whatever changes it next. Nobody else changes it until the transaction ends. The version * is any; null instead of a list
asks nothing.

Problems: unknown-actor, not-permitted, unknown-lot, unknown-floor, unknown-row, unknown-spot, unknown-reservation,
not-your-reservation, precondition-failed.

Example:
    select c.name
    from parking.find_spot(1) s,
         parking.expect(parking.find_person('operator@parking.com'), 'spot', 1, array[parking.version(to_jsonb(s))]) as actor,
         parking.change_spot(actor, 1, 'Corner') c;
      name
    --------
     Corner
    (1 row)

    select parking.expect(parking.find_person('operator@parking.com'), 'spot', 1, '{seen-long-ago}');
    ERROR:  This is no longer what was seen; it has changed since.
    DETAIL:  It has changed meanwhile
    HINT:  Look at it as it is now, and decide anew.$$;

grant execute on function parking.expect(bigint, text, bigint, text[]) to parking_service, parking_dba;

commit;
