-- Revert parking:booking from pg

begin;

drop function parking.complete(bigint, bigint);
drop function parking.find_reservation(bigint, bigint);
drop function parking.book(bigint, bigint, timestamptz, timestamptz);
drop function parking_private.blocked(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);
drop function parking_private.judge_period(timestamptz, timestamptz, timestamptz, interval, interval, text);

commit;
