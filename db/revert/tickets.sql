-- Revert parking:tickets from pg

begin;

drop type parking.ticket;
drop table parking.tickets;

commit;
