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
    return case type
        when 'rescheduled' then former_starts is not null and former_ends is not null
        else former_starts is null and former_ends is null
    end and case
        when type in ('booked', 'rescheduled', 'cancelled', 'completed', 'released') then
            spot_id is not null and reservation_id is not null and ends is not null
        when type = 'overridden' then spot_id is not null and reservation_id is null
        when type = 'entered' then spot_id is null and reservation_id is null
        when type in ('left', 'voided') then spot_id is null and reservation_id is null and ends is not null
        else false
    end;
end
$$;

comment on function parking_private.is_sound_event(text, bigint, bigint, timestamptz, timestamptz, timestamptz) is
    'Whether an event is of one of the nine types and has what belongs to it: only a vehicle without a booking has no spot, and only that and an override no reservation; what may last has no end yet; only what was rescheduled has a former period, and all of it.';

commit;
