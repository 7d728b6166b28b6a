-- Verify parking:context on pg

do $$
declare
    v_slug text;
begin
    assert parking.clock() - clock_timestamp() is not null, 'the clock runs';
    assert (select count(*) = count(distinct slug) and bool_and(status between 400 and 499) from parking.problems()),
        'every problem has one slug and a client''s status';
    assert (select bool_and(p.meaning ~ '^[A-Z].{20,}\.$' and p.meaning not in (p.title, p.remedy)) from parking.problems() p),
        'every problem says in a sentence what it means';
    begin
        perform parking_private.refuse('spot-taken', 'a trial');
        assert false, 'refuse() must raise';
    exception when sqlstate 'PK409' then
        get stacked diagnostics v_slug = constraint_name;
        assert v_slug = 'spot-taken', 'the constraint name is the slug';
    end;
    begin
        perform parking.read_clock('Europe/Berlin', '2027-03-28 02:30');
        assert false, 'what no clock shows is no moment';
    exception when sqlstate 'PK422' then
        get stacked diagnostics v_slug = constraint_name;
        assert v_slug = 'time-skipped';
    end;
    assert parking.read_clock('Europe/Berlin', '2026-10-25 02:30', 'first') = '2026-10-25 02:30+02';
    assert has_function_privilege('parking_service', 'parking.read_clock(text, timestamp, text)', 'execute');
    assert parking_private.is_time_zone('Europe/Berlin') and not parking_private.is_time_zone('CEST');
    assert 'lift' = any (parking_private.amenities());
    assert parking_private.rfc3339('2026-11-20 07:00+00', 'Europe/Berlin') = '2026-11-20T08:00:00+01:00';
    assert parking_private.rfc3339('2026-07-01 12:00+00', 'America/St_Johns') = '2026-07-01T09:30:00-02:30';
    assert parking_private.local_time('2026-11-20 07:00+00', 'Europe/Berlin') = 'Friday 20 November, 08:00';
    assert parking_private.local_period('2026-11-20 07:00+00', '2026-11-20 11:00+00', 'Europe/Berlin') = 'Friday 20 November, 08:00–12:00';
    assert has_function_privilege('parking_service', 'parking.clock()', 'execute');
    assert has_function_privilege('parking_dba', 'parking.problems()', 'execute');
    assert not has_function_privilege('parking_dba', 'parking_private.refuse(text, text)', 'execute'),
        'helpers are nobody''s';
    assert not has_function_privilege('public', 'parking.clock()', 'execute'), 'PUBLIC calls nothing';
end
$$;
