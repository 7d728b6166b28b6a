-- Verify parking:schedule on pg

select coalesce(current_setting('cron.database_name', true), '') as cron_home,
       current_setting('shared_preload_libraries') ~ '\mpg_cron\M' as has_cron,
       current_database() as this_database
\gset

-- What the job calls must exist, with or without pg_cron.
select 'parking.sweep(integer)'::regprocedure, 'parking.tend_events()'::regprocedure, 'parking.tidy_sessions()'::regprocedure \g /dev/null

\if :has_cron
    \connect :"cron_home"
    select set_config('parking.verify', :'this_database', false) \g /dev/null
    do $$
    begin
        assert (select count(*) = 1 from cron.job j
                where j.jobname = 'parking sweep of ' || current_setting('parking.verify')
                  and j.database = current_setting('parking.verify')
                  and j.schedule = '* * * * *' and j.command = 'call parking.sweep()' and j.active),
            'pg_cron sweeps this database every minute';
        assert (select count(*) = 1 from cron.job j
                where j.jobname = 'parking events of ' || current_setting('parking.verify')
                  and j.database = current_setting('parking.verify') and j.command = 'select parking.tend_events()' and j.active),
            'pg_cron tends the record of this database';
        assert (select count(*) = 1 from cron.job j
                where j.jobname = 'parking sessions of ' || current_setting('parking.verify')
                  and j.database = current_setting('parking.verify') and j.command = 'select parking.tidy_sessions()' and j.active),
            'pg_cron tidies the sessions of this database';
        assert (select count(*) = 1 from cron.job j where j.jobname = 'parking tidy of ' || current_setting('parking.verify')),
            'pg_cron tidies its history';
    end
    $$;
\endif
