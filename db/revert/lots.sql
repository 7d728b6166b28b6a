-- Revert parking:lots from pg

begin;

drop function parking_private.find_tenant_of_lot(bigint, text);
drop view parking.places;
drop table parking.time_slots;
drop table parking.spots;
drop table parking.rows;
drop table parking.floors;
drop table parking.lots;

commit;
