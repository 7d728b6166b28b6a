-- Revert parking:booking from pg

begin;

drop function parking.complete(bigint, bigint);
drop function parking.find_reservation(bigint, bigint);
drop function parking.book(bigint, bigint, timestamptz, timestamptz, text);
drop function parking_private.replay(parking.people, text, bigint, timestamptz, timestamptz);
drop function parking_private.require_active(parking.bookings);
drop function parking_private.survey(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);
drop function parking_private.require_booking(parking.people, bigint, text);
drop function parking_private.require_room(bigint, bigint, bigint, text, timestamptz, timestamptz, timestamptz, text, bigint);
drop function parking_private.blocked(bigint, bigint, bigint, timestamptz, timestamptz, timestamptz);
drop function parking_private.judge_period(timestamptz, timestamptz, timestamptz, interval, interval, text);

commit;
