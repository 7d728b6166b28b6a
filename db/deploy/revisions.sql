-- Deploy parking:revisions to pg
-- requires: events
--
-- How often a booking has been moved tells a calendar which of two files is the newer one. Few bookings are ever moved, so
-- an index of these alone costs a booking nothing.

begin;

set local role parking_owner;

create index events_of_moved_reservations on parking.events (tenant_id, reservation_id) where type = 'rescheduled';

commit;
