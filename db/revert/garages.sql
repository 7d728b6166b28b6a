-- Revert parking:garages from pg

begin;

drop type parking.garage;
drop table parking.ticket_counters;
drop table parking.garages;

commit;
