-- Revert parking:lots from pg

begin;

drop view parking.places;
drop type parking.spot_details;
drop type parking.row_details;
drop type parking.floor_details;
drop type parking.lot_details;
drop table parking.opening_hours;
drop table parking.time_slots;
drop table parking.spots;
drop table parking.rows;
drop table parking.floors;
drop table parking.lots;

commit;
