-- Revert parking:retention from pg
--
-- The partitions stay; they go with the table.

begin;

drop function parking.keep_events(interval, text);
drop function parking.tend_events();
drop function parking_private.forget_event_partition(regclass);
drop function parking_private.make_event_partition(date);

commit;
