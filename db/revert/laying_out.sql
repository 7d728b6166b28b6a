-- Revert parking:laying_out from pg

begin;

drop function parking_private.lay_out(parking.lots, jsonb);
drop function parking_private.lay_rows(parking.floors, jsonb);
drop function parking_private.require_layout_item(jsonb, text[]);
drop function parking_private.read_layout_member(text, jsonb, integer);
drop function parking_private.row_letters(bigint);
drop function parking_private.floor_number(parking.floors);
drop function parking_private.lay_floor(parking.lots, text);

commit;
