-- Revert parking:manual from pg

begin;

drop function parking.help(text);

commit;
