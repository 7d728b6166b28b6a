-- Revert parking:reservations from pg

begin;

drop view parking.bookings;
drop table parking.reservations;

commit;
