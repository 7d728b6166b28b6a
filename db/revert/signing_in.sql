-- Revert parking:signing_in from pg

begin;

drop function parking.sign_in(text, text, text);

commit;
