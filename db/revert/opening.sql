-- Revert parking:opening from pg

begin;

drop function parking_private.set_slots(parking.lots, text[]);
drop function parking_private.require_slots_apart(parking.lots);
drop function parking_private.set_week(parking.lots, text);
drop function parking_private.write_week(parking.lots);
drop function parking_private.read_week(text);
drop function parking_private.write_hours(time, time);
drop function parking_private.read_hours(text);

commit;
