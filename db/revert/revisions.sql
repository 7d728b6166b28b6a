-- Revert parking:revisions from pg

begin;

drop index parking.events_of_moved_reservations;

commit;
