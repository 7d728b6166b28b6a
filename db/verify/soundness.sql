-- Verify parking:soundness on pg

begin;

do $$
declare
    v_eight constant timestamptz := '2030-01-01 08:00+00';
    v_noon  constant timestamptz := '2030-01-01 12:00+00';
begin
    assert parking_private.is_sound_status('active', v_eight, null);
    assert not parking_private.is_sound_status('active', v_eight, v_noon), 'what is active has not ended';
    assert parking_private.is_sound_status('completed', v_eight, v_noon);
    assert not parking_private.is_sound_status('completed', v_eight, null), 'what was completed has ended';
    assert parking_private.is_sound_status('cancelled', v_noon, v_eight);
    assert not parking_private.is_sound_status('cancelled', v_eight, v_eight), 'what has begun cannot be cancelled';
    assert not parking_private.is_sound_status('cancelled', v_eight, null), 'what was cancelled has ended';
    assert not parking_private.is_sound_status('lost', v_eight, v_noon), 'there are three states';
    assert not parking_private.is_sound_status(null, v_eight, v_noon), 'a CHECK lets null pass, so it must be false';

    assert (
        select bool_and(parking_private.is_sound_event(t.type, 1, 1, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, null, 1, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, null, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, 1, null, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, 1, v_noon, v_eight, v_noon))
            and not bool_or(parking_private.is_sound_event(t.type, 1, 1, v_noon, v_eight, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, 1, v_noon, null, v_noon))
        from (values ('booked'), ('cancelled'), ('completed'), ('released')) t (type)
    ), 'these have a spot, a reservation and an end, and no former period';
    assert parking_private.is_sound_event('rescheduled', 1, 1, v_noon, v_eight, v_noon);
    assert not parking_private.is_sound_event('rescheduled', 1, 1, v_noon, v_eight, null), 'a former period has an end';
    assert not parking_private.is_sound_event('rescheduled', 1, 1, v_noon, null, v_noon), 'and a start';
    assert not parking_private.is_sound_event('rescheduled', 1, 1, v_noon, null, null);
    assert not parking_private.is_sound_event('rescheduled', 1, null, v_noon, v_eight, v_noon);
    assert not parking_private.is_sound_event('rescheduled', null, 1, v_noon, v_eight, v_noon);
    assert parking_private.is_sound_event('overridden', 1, null, null, null, null);
    assert parking_private.is_sound_event('overridden', 1, null, v_noon, null, null);
    assert not parking_private.is_sound_event('overridden', 1, 1, null, null, null), 'an override is of a spot';
    assert not parking_private.is_sound_event('overridden', null, null, null, null, null), 'and of no less';
    assert not parking_private.is_sound_event('overridden', 1, null, null, v_eight, v_noon);
    assert parking_private.is_sound_event('entered', null, null, null, null, null);
    assert not parking_private.is_sound_event('entered', 1, null, null, null, null), 'a ticket has no spot';
    assert (
        select bool_and(parking_private.is_sound_event(t.type, null, null, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, null, null, null, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, null, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, null, 1, v_noon, null, null))
        from (values ('left'), ('voided')) t (type)
    ), 'who is outside left at a moment';
    assert not parking_private.is_sound_event('lost', 1, 1, v_noon, null, null), 'there are nine types';
    assert not parking_private.is_sound_event(null, 1, 1, v_noon, null, null);
end
$$;

rollback;
