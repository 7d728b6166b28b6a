-- Revert parking:visiting from pg

begin;

drop function parking_private.require_open(bigint, bigint, timestamptz, timestamptz);
drop function parking_private.local_hours(parking.lots, date);
drop function parking_private.is_open(parking.lots, timestamptz, timestamptz);
drop function parking_private.open_hours(parking.lots, timestamptz, timestamptz);
drop function parking_private.enter_lot(bigint, text, bigint);
drop function parking_private.visit_lot(bigint, bigint, bigint);
drop function parking_private.find_lot_of(text, bigint);
drop function parking_private.find_tenant_of_lot(bigint, text);

commit;
