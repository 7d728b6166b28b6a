-- Deploy parking:schedule to pg
-- requires: expiry
-- requires: retention
-- requires: session_life
--
-- pg_cron lives in one database of a cluster, cron.database_name, and starts the jobs of all. Names of jobs contain the
-- database's, because scheduling a known name for another database silently keeps the old database.

select coalesce(current_setting('cron.database_name', true), '') as cron_home,
       current_setting('shared_preload_libraries') ~ '\mpg_cron\M' as has_cron,
       current_database() as this_database
\gset

\if :has_cron
    \connect :"cron_home"
    begin;
    create extension if not exists pg_cron;
    select cron.schedule_in_database(
        'parking sweep of ' || :'this_database', '* * * * *', 'call parking.sweep()', :'this_database')
    \g /dev/null
    select cron.schedule_in_database(
        'parking events of ' || :'this_database', '7 2 * * *', 'select parking.tend_events()', :'this_database')
    \g /dev/null
    select cron.schedule_in_database(
        'parking sessions of ' || :'this_database', '37 2 * * *', 'select parking.tidy_sessions()', :'this_database')
    \g /dev/null
    -- The history of jobs grows for ever otherwise.
    select cron.schedule_in_database(
        'parking tidy of ' || :'this_database', '17 3 * * *',
        format('delete from cron.job_run_details where end_time < now() - interval ''7 days'' '
            'and jobid in (select jobid from cron.job where jobname like %L)', 'parking % of ' || :'this_database'), current_database())
    \g /dev/null
    commit;
    \connect :"this_database"
\else
    do $$
    begin
        raise warning 'pg_cron is not in shared_preload_libraries: nothing will call parking.sweep(), parking.tend_events() and parking.tidy_sessions() by itself'
            using hint = 'Let any scheduler "call parking.sweep()" every minute and "select parking.tend_events(), parking.tidy_sessions()" every day, or load pg_cron, then revert and deploy this change again.';
    end
    $$;
\endif
