-- Revert parking:lot_tallies from pg

begin;

drop table parking_private.lot_tally_mark;
drop table parking.lot_tallies;

commit;
