-- Revert parking:signing_in from pg

begin;

drop function parking.my_account(bigint);
drop function parking.sign_out_everywhere(bigint);
drop function parking.change_password(bigint, text, text, uuid);
drop function parking.register(text, text, text, text, inet);
drop function parking.sign_in(text, text, text, inet, text);
drop function parking_private.check_password(parking.people, text);

commit;
