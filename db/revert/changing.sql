-- Revert parking:changing from pg

begin;

drop function parking.reschedule(bigint, bigint, timestamptz, timestamptz);
drop function parking.cancel(bigint, bigint);
drop function parking_private.require_room(parking.bookings, timestamptz, timestamptz, timestamptz);
drop function parking_private.require_active(parking.bookings);
drop function parking_private.require_booking(parking.people, bigint, text);

commit;
