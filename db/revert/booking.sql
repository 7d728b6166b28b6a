-- Revert parking:booking from pg

begin;

drop procedure parking.sweep(integer);
drop function parking.release_stale(integer);
drop function parking.complete(bigint, bigint);
drop function parking.find_reservation(bigint, bigint);
drop function parking.book(bigint, bigint, timestamptz, timestamptz);
drop function parking_private.judge_period(timestamptz, timestamptz, timestamptz, interval, interval, text);
drop function parking_private.release(bigint, bigint[], timestamptz);

commit;
