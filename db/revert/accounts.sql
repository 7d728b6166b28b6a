-- Revert parking:accounts from pg

begin;

drop function parking.erase_person(bigint, bigint);
drop function parking_private.end_all(parking.people, bigint);
drop function parking.reactivate(bigint, bigint);
drop function parking.deactivate(bigint, bigint);
drop function parking.set_password(bigint, text, bigint);
drop function parking.change_person(bigint, text, text, bigint);
drop function parking.show_person(bigint, bigint);
drop function parking.list_people(bigint, bigint, integer, text);
drop function parking.add_person(text, text, text, text, text, bigint);
drop function parking_private.judge_account(text, text);
drop function parking_private.require_actor_in(text, bigint, text);

commit;
