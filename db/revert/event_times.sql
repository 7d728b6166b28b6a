-- Revert parking:event_times from pg

begin;

drop index parking.events_by_time;

commit;
