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
        select bool_and(parking_private.is_sound_event(t.type, 1, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, null, v_noon, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, null, null, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, v_noon, v_eight, v_noon))
            and not bool_or(parking_private.is_sound_event(t.type, 1, v_noon, v_eight, null))
            and not bool_or(parking_private.is_sound_event(t.type, 1, v_noon, null, v_noon))
        from (values ('booked'), ('cancelled'), ('completed'), ('released')) t (type)
    ), 'these have a reservation and an end, and no former period';
    assert parking_private.is_sound_event('rescheduled', 1, v_noon, v_eight, v_noon);
    assert not parking_private.is_sound_event('rescheduled', 1, v_noon, v_eight, null), 'a former period has an end';
    assert not parking_private.is_sound_event('rescheduled', 1, v_noon, null, v_noon), 'and a start';
    assert not parking_private.is_sound_event('rescheduled', 1, v_noon, null, null);
    assert not parking_private.is_sound_event('rescheduled', null, v_noon, v_eight, v_noon);
    assert parking_private.is_sound_event('overridden', null, null, null, null);
    assert parking_private.is_sound_event('overridden', null, v_noon, null, null);
    assert not parking_private.is_sound_event('overridden', 1, null, null, null), 'an override is of a spot';
    assert not parking_private.is_sound_event('overridden', null, null, v_eight, v_noon);
    assert not parking_private.is_sound_event('lost', 1, v_noon, null, null), 'there are six types';
    assert not parking_private.is_sound_event(null, 1, v_noon, null, null);
end
$$;

rollback;
