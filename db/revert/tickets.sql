-- Revert parking:tickets from pg

begin;

drop type parking.ticket;
drop view parking.garage_tickets;
drop table parking.tickets;

commit;
