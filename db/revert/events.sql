-- Revert parking:events from pg

begin;

drop view parking.history;
drop table parking.events;

commit;
