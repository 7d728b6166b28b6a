-- Revert parking:reservations from pg

begin;

drop type parking.alternative;
drop type parking.reservation_details;
drop type parking.booking_result;
drop view parking.bookings;
drop table parking.reservations;
drop domain parking_private.request_id;
drop domain parking_private.period;

commit;
