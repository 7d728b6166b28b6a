-- Verify parking:core on pg

do $$
begin
    assert (select count(*) = 3 from pg_namespace
            where nspname in ('parking', 'parking_private', 'extensions') and nspowner = 'parking_owner'::regrole),
        'the three schemas belong to parking_owner';
    assert has_schema_privilege('parking_service', 'parking', 'usage'), 'the service reaches the API';
    assert has_schema_privilege('parking_dba', 'parking', 'usage'), 'a DBA reaches the API';
    assert not has_schema_privilege('parking_service', 'parking_private', 'usage'), 'the service must not reach helpers';
    assert not has_schema_privilege('parking_dba', 'parking_private', 'usage'), 'a DBA must not reach helpers';
    assert not has_table_privilege('parking_dba', 'parking_private.clock_shift', 'update'),
        'nobody but the owner sets the clock';
    assert (select count(*) = 1 from parking_private.clock_shift), 'the clock has one shift';
    assert exists (select from parking_private.time_zones z where z.name = 'Europe/Berlin'), 'the time zones are known';
    assert extensions.crypt('x', extensions.gen_salt('bf', 4)) is not null, 'pgcrypto lives in schema extensions';
    assert (select count(*) = 2 from pg_extension
            where extname in ('btree_gist', 'pgcrypto') and extnamespace = 'extensions'::regnamespace),
        'both extensions live in schema extensions';
end
$$;
