-- Revert parking:demo from pg
--
-- The function goes; what it has made belongs to the users and stays.

begin;

drop function parking.seed_demo();
drop function parking_private.seed_people(text);

commit;
