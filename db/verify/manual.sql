-- Verify parking:manual on pg

do $$
begin
    assert (select count(*) = 1 and bool_and(manual like '%unknown-function%') from parking.help('help'));
    assert (select bool_and(manual is not null) from parking.help()), 'every function has a comment';
    begin
        perform parking.help('no_such_function');
        assert false, 'an unknown function must be refused';
    exception when sqlstate 'PK404' then
        null;  -- as it should be
    end;
    assert has_function_privilege('parking_dba', 'parking.help(text)', 'execute');
    assert not has_function_privilege('public', 'parking.help(text)', 'execute');
end
$$;
