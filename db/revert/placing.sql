-- Revert parking:placing from pg

begin;

drop function parking_private.retire_spots(parking.lots, bigint[]);
drop function parking_private.spot_details(parking.spots);
drop function parking_private.row_details(parking.rows);
drop function parking_private.floor_details(parking.floors);
drop function parking_private.order_spots(parking.rows, bigint, integer);
drop function parking_private.order_rows(parking.floors, bigint, integer);
drop function parking_private.order_floors(parking.lots, bigint, integer);
drop function parking_private.sort_key(integer, boolean, integer);
drop function parking_private.require_place_in_order(integer);
drop function parking_private.require_spot_kind(text, integer, integer);
drop function parking_private.refuse_taken_name(text, text);
drop function parking_private.require_name(text, text);
drop function parking_private.hold_place(bigint, text, bigint);
drop function parking_private.hold_lot(bigint, bigint);
drop function parking_private.enter_place(text, bigint, bigint);
drop function parking_private.refuse_place(text, bigint);

commit;
