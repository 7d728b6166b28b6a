-- Verify parking:throttling on pg

begin;

do $$
declare
    -- Others may be counted at the same time.
    c_ours constant bytea[] := parking_private.attempt_keys(
        '{address,address,registration,account and address,account}', '{verify,elsewhere,verify,made up,made up}');
begin
    perform parking.limit_attempts('address', attempts => 2, every => '1 minute');
    assert (select l.attempts = 2 from parking.list_limits() l where l.kind = 'address');
    assert parking_private.count_attempt('{address}', '{verify}') = 0;
    assert parking_private.count_attempt('{address}', '{verify}') = 0;
    assert parking_private.count_attempt('{address}', '{verify}') between 1 and 60, 'the third is one too many';
    assert parking_private.count_attempt('{registration,address}', '{verify,verify}') > 0, 'one limit is enough';
    assert (select count(*) = 1 from parking_private.attempts a where a.key = any (c_ours));
    perform parking_private.take_back_attempt('{address}', '{verify}');
    assert parking_private.count_attempt('{address}', '{verify}') = 0, 'what succeeded does not count';
    assert parking_private.count_attempt('{address}', '{elsewhere}') = 0;
    assert parking_private.count_attempt('{account and address,address,account}', '{made up,verify,made up}') > 0;
    assert (select count(*) = 2 from parking_private.attempts a where a.key = any (c_ours)),
        'what is refused leaves no row';

    update parking_private.attempts set forgotten_at = parking.clock() + interval '1 day' where key = any (c_ours);
    assert parking_private.count_attempt('{address}', '{verify}') <= 60, 'nobody waits for a clock that was ahead';

    assert parking_private.network_of('2001:db8:1:2:3:4:5:6') = parking_private.network_of('2001:db8:1:2::1');
    assert parking_private.network_of('2001:db8:1:2::1') <> parking_private.network_of('2001:db8:1:3::1');
    assert parking_private.network_of('192.0.2.1') <> parking_private.network_of('192.0.2.2');
    assert parking_private.network_of(null) = '';
    begin
        perform parking.limit_attempts('patience', 1, '1 minute');
        assert false, 'nothing is limited by this';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert not has_function_privilege('parking_service', 'parking.limit_attempts(text, integer, interval)', 'execute');
end
$$;

rollback;
