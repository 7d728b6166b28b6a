-- Deploy parking:roles to pg
--
-- Roles belong to the cluster, not to the database, so a second parking database in the same cluster finds them there.

begin;

do $$
begin
    if not exists (select from pg_roles where rolname = 'parking_owner') then
        create role parking_owner nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'parking_platform') then
        create role parking_platform nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'parking_viewer') then
        create role parking_viewer nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'parking_service') then
        create role parking_service login;
    end if;
    if not exists (select from pg_roles where rolname = 'parking_dba') then
        create role parking_dba nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'parking_reporting') then
        create role parking_reporting nologin;
    end if;
end
$$;

comment on role parking_owner is 'Owns every object of the parking system; nobody signs in as it.';
comment on role parking_platform is 'Owns the few functions that must look across tenants; nobody signs in as it.';
comment on role parking_viewer is 'Owns the views: what they show depends on who looks; nobody signs in as it.';
comment on role parking_service is 'The web service: executes the API functions, touches no table.';
comment on role parking_dba is 'A group for people: every API function, the read-only views of all tenants, no table.';
comment on role parking_reporting is 'A group for people and programs: the read-only views of the one tenant that parking.add_reporter() gave them, nothing else.';

-- A spot's row held by a forgotten psql must not keep a web request waiting for long.
alter role parking_service set lock_timeout = '2s';
alter role parking_service set statement_timeout = '5s';
alter role parking_service set idle_in_transaction_session_timeout = '10s';
-- Its statements take milliseconds, and compiling one for the sake of a wrong estimate takes thirty.
alter role parking_service set jit = off;
-- Passwords are parameters; they must not reach the log with a failing statement.
alter role parking_service set log_parameter_max_length = 0;
alter role parking_service set log_parameter_max_length_on_error = 0;
-- COPY takes no parameters, so the driver writes a CSV's into the statement: the caller's session and address. A refusal
-- is logged all the same, without the statement that met it.
alter role parking_service set log_min_error_statement = 'panic';

commit;
