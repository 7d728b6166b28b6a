-- Deploy parking:soundness to pg
-- requires: context
--
-- What makes a row of a table that is written all the time a sound one. A CHECK calls these: PL/pgSQL keeps its plans, where an
-- expression in the CHECK itself is read out of the catalogue, planned and prepared by each insert anew. Of a booking's time the
-- CHECKs of its two rows took more than a sixth, and of an event's one half.

begin;

set local role parking_owner;

create function parking_private.is_sound_status(
    status   text,
    starts   timestamptz,
    ended_at timestamptz
)
    returns boolean
    language plpgsql
    immutable
as $$
begin
    return case status
        when 'active' then ended_at is null
        when 'completed' then ended_at is not null
        -- What was cancelled never began.
        when 'cancelled' then ended_at is not null and ended_at < starts
        else false
    end;
end
$$;

comment on function parking_private.is_sound_status(text, timestamptz, timestamptz) is
    'Whether a reservation has one of its three states, and the times that belong to it: only an active one has no end, and what was cancelled never began.';


create function parking_private.is_sound_event(
    type           text,
    spot_id        bigint,
    reservation_id bigint,
    ends           timestamptz,
    former_starts  timestamptz,
    former_ends    timestamptz
)
    returns boolean
    language plpgsql
    immutable
as $$
begin
    -- What a transaction asks first it has to make ready, and the longer a question is, the longer that takes: so the short one about
    -- what nearly every event is comes first, and the others are not reached by it.
    if type in ('booked', 'completed', 'released', 'cancelled') then
        return num_nulls(spot_id, reservation_id, ends) = 0 and num_nonnulls(former_starts, former_ends) = 0;
    elsif type = 'rescheduled' then
        return num_nulls(spot_id, reservation_id, ends, former_starts, former_ends) = 0;
    elsif num_nonnulls(reservation_id, former_starts, former_ends) > 0 then
        return false;
    end if;
    return case type
        when 'overridden' then spot_id is not null
        when 'entered' then spot_id is null
        when 'left' then spot_id is null and ends is not null
        when 'voided' then spot_id is null and ends is not null
        else false
    end;
end
$$;

comment on function parking_private.is_sound_event(text, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Whether an event is of one of the nine types and has what belongs to it: only a vehicle without a booking has no spot, and only that and an override no reservation; what may last has no end yet; only what was rescheduled has a former period, and all of it.';

commit;
