-- Revert parking:soundness from pg

begin;

drop function parking_private.is_sound_event(text, bigint, bigint, timestamptz, timestamptz, timestamptz);
drop function parking_private.is_sound_status(text, timestamptz, timestamptz);

commit;
