-- Deploy parking:schedule to pg
-- requires: booking
--
-- pg_cron lives in one database of a cluster, cron.database_name, and starts the jobs of all. Names of jobs contain the
-- database's, because scheduling a known name for another database silently keeps the old database.

select coalesce(current_setting('cron.database_name', true), '') as cron_home,
       current_setting('cron.database_name', true) is not null as has_cron,
       current_database() as this_database
\gset

\if :has_cron
    \connect :"cron_home"
    begin;
    create extension if not exists pg_cron;
    select cron.schedule_in_database(
        'parking sweep of ' || :'this_database', '* * * * *', 'call parking.sweep()', :'this_database')
    \g /dev/null
    -- The history of jobs grows for ever otherwise.
    select cron.schedule_in_database(
        'parking tidy of ' || :'this_database', '17 3 * * *',
        'delete from cron.job_run_details where end_time < now() - interval ''7 days''', current_database())
    \g /dev/null
    commit;
    \connect :"this_database"
\else
    do $$
    begin
        raise warning 'pg_cron is not in shared_preload_libraries: nothing will call parking.sweep() by itself'
            using hint = 'Run "call parking.sweep()" from any scheduler every minute, or load pg_cron, then revert and deploy this change again.';
    end
    $$;
\endif
