-- Verify parking:tendering on pg

begin;

do $$
begin
    assert parking.agree(1000, 1000) = 1000;
    assert parking.agree(0, 0) = 0;
    begin
        perform parking.agree(1000, 2000);
        assert false, 'another amount must be refused';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    begin
        perform parking.agree(null, 0);
        assert false, 'no amount is not zero';
    exception when sqlstate 'PK409' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_service', 'parking.agree(bigint, bigint)', 'execute');
    assert not has_function_privilege('parking_reporting', 'parking.agree(bigint, bigint)', 'execute');
end
$$;

rollback;
