-- Deploy parking:event_times to pg
-- requires: events
--
-- Whoever counts a day's events finds them by their time. The record is written in the order of time, so that a few bytes
-- for each group of pages tell where a day lies; a booking pays nothing for them, as it would for a tree.

begin;

set local role parking_owner;

create index events_by_time on parking.events using brin (at) with (pages_per_range = 16, autosummarize = on);

commit;
