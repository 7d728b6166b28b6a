-- Verify parking:tallies on pg

begin;

do $$
begin
    assert (select count(*) = 1 and bool_and(m.epoch <= l.epoch)
            from parking_private.tally_mark m cross join parking_private.event_log l), 'the counting stands somewhere';
    assert has_table_privilege('parking_owner', 'parking_private.tallies', 'update');
    assert not has_table_privilege('parking_service', 'parking_private.tallies', 'select');
    assert not has_table_privilege('parking_platform', 'parking_private.tallies', 'select'), 'it only reads what belongs to tenants';
    begin
        insert into parking_private.tallies (type, total) values ('verify', -1);
        assert false, 'a counter below zero';
    exception when check_violation then
        null;
    end;
end
$$;

rollback;
