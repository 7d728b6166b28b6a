-- Revert parking:changing from pg

begin;

drop function parking.reschedule(bigint, bigint, timestamptz, timestamptz);
drop function parking.cancel(bigint, bigint);

commit;
