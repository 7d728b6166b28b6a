-- Revert parking:context from pg

begin;

drop function parking_private.rfc3339(timestamptz, text);
drop function parking_private.local_period(timestamptz, timestamptz, text);
drop function parking_private.local_time(timestamptz, text);
drop function parking_private.amenities();
drop function parking_private.is_time_zone(text);
drop function parking_private.enter_tenant(bigint);
drop function parking_private.current_tenant();
drop function parking.read_clock(text, timestamp, text);
drop function parking_private.refuse(text, text);
drop function parking.problems();
drop function parking.clock();

commit;
