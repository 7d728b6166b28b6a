-- Revert parking:schedule from pg
--
-- The extension stays: other databases of the cluster may have their jobs in it.

select coalesce(current_setting('cron.database_name', true), '') as cron_home,
       current_setting('shared_preload_libraries') ~ '\mpg_cron\M' as has_cron,
       current_database() as this_database
\gset

\if :has_cron
    \connect :"cron_home"
    select to_regclass('cron.job') is not null as has_jobs \gset
    \if :has_jobs
        select cron.unschedule(j.jobid)
        from cron.job j
        where j.jobname in ('parking sweep of ' || :'this_database', 'parking events of ' || :'this_database',
            'parking sessions of ' || :'this_database', 'parking tidy of ' || :'this_database')
        \g /dev/null
    \endif
    \connect :"this_database"
\else
    do $$
    begin
        raise notice 'pg_cron is not in shared_preload_libraries: there is no job to remove';
    end
    $$;
\endif
