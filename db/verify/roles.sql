-- Verify parking:roles on pg

do $$
begin
    assert (select not rolcanlogin and not rolsuper and not rolbypassrls from pg_roles where rolname = 'parking_owner'),
        'parking_owner must be subject to row-level security and must not sign in';
    assert (select rolcanlogin and not rolsuper and not rolbypassrls and not rolcreatedb and not rolcreaterole
            from pg_roles where rolname = 'parking_service'),
        'parking_service signs in and may nothing else';
    assert (select rolconfig @> array['lock_timeout=2s', 'statement_timeout=5s', 'idle_in_transaction_session_timeout=10s',
                'log_parameter_max_length=0', 'log_parameter_max_length_on_error=0', 'log_min_error_statement=panic']
            from pg_roles where rolname = 'parking_service'),
        'parking_service must have time-outs and must not log passwords, sessions and addresses';
    assert (select not rolcanlogin and not rolsuper from pg_roles where rolname = 'parking_dba'),
        'parking_dba is a group without special rights';
    assert not pg_has_role('parking_service', 'parking_owner', 'member'), 'the service must not become the owner';
    assert not pg_has_role('parking_dba', 'parking_owner', 'member'), 'a DBA must not become the owner';
end
$$;
