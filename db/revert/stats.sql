-- Revert parking:stats from pg

begin;

drop function parking.stats(bigint, bigint);

commit;
