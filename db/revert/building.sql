-- Revert parking:building from pg

begin;

drop function parking.retire_lot(bigint, bigint);
drop function parking.set_slots(bigint, bigint, text[]);
drop function parking.list_slots(bigint, bigint);
drop function parking.change_lot(bigint, bigint, text, text, text, double precision, double precision, boolean, text[], text, interval, interval);
drop function parking.describe_lot(bigint, bigint);
drop function parking.list_lots(text, bigint);
drop function parking.build_lot(bigint, text, text, integer, integer, integer, jsonb, text, double precision, double precision, boolean, text[], text, text[], interval, interval);
drop function parking_private.lot_details(parking.lots);
drop function parking_private.require_lot(text, text, double precision, double precision, text[], interval, interval);

commit;
