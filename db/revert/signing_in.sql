-- Revert parking:signing_in from pg

begin;

drop function parking_private.require_actor(bigint);
drop function parking.sign_in(text, text, text);
drop function parking.find_person(text, text);

commit;
