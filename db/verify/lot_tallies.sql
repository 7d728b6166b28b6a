-- Verify parking:lot_tallies on pg

begin;

do $$
begin
    assert (select count(*) = 1 and bool_and(m.epoch <= l.epoch and m.counted <= m.ahead and m.ahead <= m.noted)
            from parking_private.lot_tally_mark m cross join parking_private.event_log l), 'the counting stands somewhere';
    assert (select relrowsecurity and relforcerowsecurity from pg_class where oid = 'parking.lot_tallies'::regclass),
        'a lot''s tally is its tenant''s';
    assert not has_table_privilege('parking_service', 'parking.lot_tallies', 'select');
    begin
        update parking_private.lot_tally_mark set counted = ahead + 1;
        assert false, 'counted further than there is anything';
    exception when check_violation then
        null;  -- as it should be
    end;
end
$$;

rollback;
