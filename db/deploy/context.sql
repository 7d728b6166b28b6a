-- Deploy parking:context to pg
-- requires: core
--
-- The ground that every function stands on. What every call goes through is PL/pgSQL, which keeps its plans, where a
-- function in SQL that cannot be inlined is planned anew each time.
--
-- Time comes from clock() and from nowhere else, so that expiry can be tested without sleeping. A function asks it
-- once, after its last lock: a request is judged by the time at which it got its turn.
--
-- A refusal is part of the interface. refuse() raises SQLSTATE PKnnn, nnn being the HTTP status; the constraint name is
-- the problem's slug, MESSAGE says what is the matter this time, DETAIL is the problem's constant title, HINT the remedy.
-- psql prints these, the REST API and the page pass them on; nobody matches on their text. problems() is the list.
--
-- A tenant's data are behind row-level security. Every public function finds out whose data it is about, from a person, a
-- lot or a session, and calls enter_tenant(); until then, and in every table that somebody forgot to name, there is
-- nothing to see. The setting lasts as long as the transaction. isolate(), of the next change, is what a table does to take part:
--
--     role               sees                                     because
--     parking_owner      the tenant that was entered              it owns the functions, and is not above the policies
--     parking_platform   every tenant, and only reads             it owns the few helpers that find out whose data it is
--     parking_viewer     the tenants of whoever is looking        it owns the views; readable_tenants() goes by current_user

begin;

set local role parking_owner;

create function parking.clock()
    returns timestamptz
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    -- In seconds, because a day of an interval is as long as the session's time zone makes it.
    return clock_timestamp() + (select make_interval(secs => extract(epoch from c.shift)) from parking_private.clock_shift c);
end
$$;

comment on function parking.clock() is
$$The time that every rule goes by: the real time, plus a shift that only the owner can set.

Example:
    select parking.clock() - clock_timestamp() < interval '1 second' as right_on_time;
     right_on_time
    ---------------
     t
    (1 row)$$;

grant execute on function parking.clock() to parking_service, parking_dba;


create function parking.problems()
    returns table (
        slug    text,
        status  integer,
        title   text,
        remedy  text,
        meaning text
    )
    language plpgsql
    immutable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return query values
        ('unknown-actor', 401, 'Nobody is signed in', 'Sign in again.',
            'Whoever acts has no account here, or it has been closed.'),
        ('session-over', 401, 'The session is over', 'Sign in again.',
            'The session was ended, by signing out, by a new password or because it was not used for too long.'),
        ('wrong-credentials', 401, 'Wrong e-mail or password', 'Check both and try again.',
            'No open account of this tenant has this e-mail and this password.'),
        ('not-permitted', 403, 'Not permitted', 'Ask whoever administers your account for the role that may do this.',
            'The account has no role that may do this.'),
        ('not-your-reservation', 403, 'Another driver''s reservation', 'Only the driver who booked can see, change or end a reservation.',
            'The reservation exists, and somebody else has made it.'),
        ('registration-closed', 403, 'Nobody can register here', 'Check the tenant''s name, or ask its administrator for an account.',
            'In this tenant nobody can open an account alone, or there is no tenant of this name.'),
        ('wrong-password', 403, 'Wrong password', 'Give your present password.',
            'Whoever changes a password has to know the present one, and this is another.'),
        ('no-garage', 404, 'No garage', 'An operator opens one: select * from parking.set_garage(actor, lot).',
            'Vehicles without a booking cannot enter this lot; it gives no tickets.'),
        ('unknown-concession', 404, 'No such season pass or discount', 'select * from parking.list_concessions(actor) lists them.',
            'This tenant has no season pass and no discount of this number.'),
        ('unknown-floor', 404, 'No such floor', 'Check the floor''s number.',
            'There is no floor of this number, it has been retired, or its lot is not for you to see.'),
        ('unknown-function', 404, 'No such function', 'select * from parking.help() lists them all.',
            'The manual has no function of this name.'),
        ('unknown-limit', 404, 'No such limit', 'select * from parking.list_limits() names them all.',
            'Attempts are not counted by anything of this name.'),
        ('unknown-lot', 404, 'No such lot', 'Check the lot''s number.',
            'There is no lot of this number, it has been retired, or it is not for you to see.'),
        ('unknown-pass', 404, 'No such pass', 'Scan it again, or ask the driver to show the reservation.',
            'No reservation has a pass with this code.'),
        ('unknown-person', 404, 'No such person', 'Check the e-mail and the tenant.',
            'This tenant has no account of this number or e-mail.'),
        ('unknown-reservation', 404, 'No such reservation', 'Check the reservation''s number.',
            'There is no reservation of this number in your tenant.'),
        ('unknown-role', 404, 'No such role', 'select * from parking.list_roles() lists them all.',
            'Nobody can be given a role of this name.'),
        ('unknown-row', 404, 'No such row', 'Check the row''s number.',
            'There is no row of this number, it has been retired, or its lot is not for you to see.'),
        ('unknown-spot', 404, 'No such spot', 'Choose a spot from the list of spots.',
            'There is no spot of this number, it has been retired, or its lot is not for you to see.'),
        ('unknown-tariff', 404, 'No such tariff', 'select * from parking.list_tariffs() lists those that are valid or will be.',
            'This tenant has no tariff of this number.'),
        ('unknown-tenant', 404, 'No such tenant', 'Check the tenant''s name.',
            'There is no tenant of this name or number.'),
        ('unknown-ticket', 404, 'No such ticket', 'Check the ticket''s number, or look for the plate.',
            'No ticket of this number was given, or no vehicle of this plate is inside.'),
        ('amount-changed', 409, 'The amount has changed', 'Look at what is due now, and ask for that.',
            'Another amount is due than the one that was shown; nothing was charged.'),
        ('bookings-ahead', 409, 'Bookings lie ahead', 'Wait until they are over, or have them completed, and try again.',
            'What is to be taken out of use has live bookings, whose drivers count on it.'),
        ('email-taken', 409, 'The e-mail is taken', 'Give another one; one account has one e-mail.',
            'Another account of this tenant has this e-mail.'),
        ('garage-full', 409, 'The garage is full', 'Wait until somebody leaves, or choose another lot or time.',
            'Vehicles with tickets and bookings take all of the garage''s spaces at some moment of that time.'),
        ('garage-not-empty', 409, 'Vehicles are inside', 'Let them leave, or void their tickets, and try again.',
            'What is to be taken out of use has vehicles inside, which have to be let out first.'),
        ('last-admin', 409, 'The tenant''s last administrator', 'Make somebody else administrator first.',
            'Without this person nobody would administer the tenant.'),
        ('name-taken', 409, 'The name is taken', 'Choose another name.',
            'Names are unique where they are looked for, and another one there has this name.'),
        ('reservation-begun', 409, 'The reservation has begun', 'Complete it when you leave, or change its end only.',
            'A reservation that has begun cannot be cancelled, and its start cannot be moved.'),
        ('reservation-not-active', 409, 'The reservation has already ended', 'Nothing is left to do; book again if you need the spot.',
            'The reservation was completed, cancelled or released before.'),
        ('spot-in-maintenance', 409, 'The spot is in maintenance', 'Choose another spot or another time.',
            'An operator has taken the spot out of service for a part of that time.'),
        ('spot-taken', 409, 'The spot is taken', 'Choose another spot or another time.',
            'Somebody has booked the spot for a part of that time.'),
        ('state-not-reachable', 409, 'Not from the present state', 'Set the spot to free first.',
            'From the state that the spot is in, the one that was asked for is no next step.'),
        ('tariffs-collide', 409, 'Two tariffs would apply at once', 'Give one of them a higher priority, or other times.',
            'At some moment two tariffs of the same priority would both say what a stay costs.'),
        ('tenant-taken', 409, 'The tenant''s name is taken', 'Choose another one.',
            'Another tenant has this name.'),
        ('ticket-closed', 409, 'The ticket is closed', 'Nothing is left to do; an operator may refund it.',
            'The vehicle has left, or the ticket was declared lost or void; it is settled once and for all.'),
        ('ticket-not-paid', 409, 'Nothing was paid for the ticket', 'Let the vehicle leave first.',
            'Only what was paid for a ticket can be given back or corrected.'),
        ('vehicle-inside', 409, 'The vehicle is inside already', 'Check the plate; the ticket that it has is open.',
            'A vehicle of this plate has entered and not left, so it gets no second ticket.'),
        ('cursor-too-old', 410, 'The cursor is too old', 'Read everything anew, and go on from there.',
            'What happened since this cursor is no longer kept, or the record was restored from a backup.'),
        ('precondition-failed', 412, 'It has changed meanwhile', 'Look at it as it is now, and decide anew.',
            'Somebody has changed it since it was read; the change was not made.'),
        ('day-out-of-range', 422, 'A day beyond the calendar', 'Choose a day between the years 2000 and 2199.',
            'Nothing is planned and nothing is counted so far from today.'),
        ('lot-closed', 422, 'The lot is closed then', 'Choose a period during which the lot is open.',
            'The lot is closed during a part of the period that was asked for.'),
        ('no-tariff', 422, 'No tariff', 'Choose another time or lot, or ask the operator for the price.',
            'The lot has no tariff that says what this stay costs.'),
        ('not-a-booking-limit', 422, 'Not a limit of bookings', 'Give up to 168 hours, and up to 3650 days ahead; zero is the tenant''s own limit.',
            'A lot''s limit of its bookings is a length and a number of days ahead, within what the system allows.'),
        ('not-a-concession', 422, 'Neither season pass nor discount', 'Give what the message asks for.',
            'A season pass or a discount needs to say for whom, where, from when and until when it holds, and this one does not.'),
        ('not-a-cursor', 422, 'Not a cursor', 'Give a cursor exactly as it was given to you.',
            'A list goes on where its last page ended, and this names no such place.'),
        ('not-a-filter', 422, 'Not a filter of reservations', 'Choose among the words that the message lists.',
            'Reservations are chosen and sorted by a few words, and this is none of them.'),
        ('not-a-garage', 422, 'Not a garage', 'Give 1 to 100000 spaces, and an assumed stay of up to 168 hours.',
            'A garage needs a number of spaces and a stay to assume, within limits that make sense.'),
        ('not-a-layout', 422, 'Not a layout', 'Give a list of floors, such as [{"name": "Roof", "rows": 2, "spots": 20}].',
            'The description of floors, rows and spots is not one from which a lot can be built.'),
        ('not-a-lifetime', 422, 'Not a lifetime', 'Give hours, minutes and seconds within the limits.',
            'A session cannot be kept for so long or so short, or its tokens not for such a time.'),
        ('not-a-limit', 422, 'Not a limit', 'Give at least one attempt, and one second to 24 hours.',
            'So many attempts, or in such a time, are no limit that could be kept.'),
        ('not-a-name', 422, 'Not a name', 'Give one that is neither empty nor longer than 100 characters.',
            'What people are to tell apart needs a name, and this one is empty or too long.'),
        ('not-a-number-of-rows', 422, 'Not a number of rows', 'Give a number from 1 to 100000.',
            'A page of a list has at least one row, and not more than one answer can hold.'),
        ('not-a-period-of-days', 422, 'Not a period of days', 'Give a first and a last day, at most 400 days.',
            'A report is of a first to a last day, and of not more days than it can show.'),
        ('not-a-place-in-order', 422, 'Not a place in an order', 'Give 1 for the first place, 2 for the next one and so on.',
            'Floors, rows and spots have places that begin with 1.'),
        ('not-a-plate', 422, 'Not a plate', 'Give 1 to 20 letters and digits.',
            'This can be no vehicle''s plate: spaces and hyphens aside, letters and digits are missing, or too many.'),
        ('not-a-position', 422, 'Not a position on Earth', 'Give both latitude and longitude, in degrees.',
            'A lot''s position is a latitude from -90 to 90 and a longitude from -180 to 180, or neither.'),
        ('not-a-reason', 422, 'Not a reason', 'Say why, in 1 to 500 characters.',
            'What is done here has to be explained to those who look at it later, and the explanation is empty or too long.'),
        ('not-a-registration', 422, 'Neither open nor closed', 'Say open or closed.',
            'Whether anybody may open an account in a tenant has two answers, and this is neither.'),
        ('not-a-reporter', 422, 'Not a role for reports', 'A superuser makes one: create role … login in role parking_reporting.',
            'Only a database role made for reports can be shown a tenant, and only one that was shown it loses it.'),
        ('not-a-request-id', 422, 'Not the name of a request', 'Give one of 1 to 200 characters, such as a new UUID, or none.',
            'The name by which a request is known when it is sent again is empty or too long.'),
        ('not-a-retention', 422, 'Not a retention', 'Give one month or more, and then detach or drop.',
            'The record cannot be kept for such a time, or not be disposed of in this way.'),
        ('not-a-search', 422, 'Not a search', 'Give at most 200 characters.',
            'What is searched for is longer than any name or address.'),
        ('not-a-size', 422, 'Not the size of a spot', 'Give centimetres: a length from 100 to 3000, a width from 50 to 1000.',
            'No spot has this length or this width.'),
        ('not-a-spot-type', 422, 'Not a type of spot', 'Give regular, handicap, compact or ev.',
            'Spots are of a few types, and this is none of them.'),
        ('not-a-tariff', 422, 'Not a tariff', 'Give what the message asks for.',
            'A tariff needs to say when it applies and what it charges, and this one does not do so in a way that can be computed.'),
        ('not-a-tenant', 422, 'Not a tenant''s name', 'Give up to 63 small letters, digits and hyphens, a letter first.',
            'A tenant''s name stands in addresses and settings, for which this one is not fit.'),
        ('not-a-time-zone', 422, 'Not a time zone', 'Give a name of the IANA database, such as Europe/Berlin.',
            'A lot''s clock goes by a time zone, and no time zone has this name.'),
        ('not-a-vehicle', 422, 'Not a kind of vehicle', 'Give one of 1 to 50 characters, such as Car.',
            'The kind of vehicle is empty or too long.'),
        ('not-an-address', 422, 'Not an address', 'Give at most 500 characters.',
            'A lot''s address is longer than what is kept of one.'),
        ('not-an-amenity', 422, 'Not an amenity', 'Choose among those that the message lists.',
            'What a lot offers is said in a few words that everybody understands alike, and this is none of them.'),
        ('not-an-amount', 422, 'Not an amount', 'Give hundredths of the currency, within what was paid.',
            'The amount is nothing, or more than what was paid for this ticket.'),
        ('not-an-email', 422, 'Not an e-mail', 'Give an address such as jo@example.org, at most 254 characters.',
            'Without a name, an @ and a host this is no e-mail, and one that is too long is none either.'),
        ('not-an-override', 422, 'Not an override', 'Give a state, a reason of up to 500 characters, and an end that lies ahead or none.',
            'What an operator says of a spot is a state that there is, a reason, and perhaps until when it holds.'),
        ('not-hours', 422, 'Not hours of a day', 'Write hours as 08:00-20:00, and a week as Mo-Fr 08:00-20:00; Sa 10:00-16:00.',
            'Opening hours and time slots are written in one way, and this cannot be read so.'),
        ('password-too-long', 422, 'The password is too long', 'Choose one of 8 to 72 bytes.',
            'A password''s first 72 bytes are all that would count.'),
        ('password-too-weak', 422, 'The password is too weak', 'Choose one of 8 to 72 bytes that is not the e-mail.',
            'The password is so short, or so close at hand, that others would guess it.'),
        ('period-backwards', 422, 'The period ends before it starts', 'Give an end that lies after the start.',
            'The end of the period is its start, or lies before it.'),
        ('period-incomplete', 422, 'The period lacks an end or a start', 'Give both times.',
            'A period has a start and an end, and one of them is missing or has no date.'),
        ('period-over', 422, 'The period is over', 'Choose a period whose end lies in the future.',
            'The period has passed, so nobody could park then.'),
        ('period-too-early', 422, 'The period starts too far back', 'Start now or later.',
            'The period began longer ago than a booking may last.'),
        ('period-too-far', 422, 'The period lies too far ahead', 'Choose an earlier day.',
            'The lot takes bookings only so many days ahead, and the period ends beyond them.'),
        ('period-too-long', 422, 'The period is too long', 'Book a shorter period.',
            'The period is longer than a booking, a search or a stay may be.'),
        ('request-id-reused', 422, 'Another request had this name', 'Give each request a name of its own, such as a new UUID.',
            'A request of this name was answered before, and it asked for something else.'),
        ('slots-overlap', 422, 'The time slots overlap', 'Let each slot start when the one before has ended, or later.',
            'Two of the time slots share a part of the day.'),
        ('time-skipped', 422, 'The clocks skip that time', 'Choose a time before or after the hour that is left out.',
            'Where clocks are put forward an hour is left out, and this time lies in it.'),
        ('time-twice', 422, 'The clocks show that time twice', 'Say which of the two is meant, first or second.',
            'Where clocks are put back an hour comes twice, and this time lies in it.'),
        ('unknown-method', 422, 'No such method of payment', 'select * from parking.list_payment_methods(actor) lists them all.',
            'Nobody can pay in this way here.'),
        ('too-many-attempts', 429, 'Too many attempts', 'Wait as long as Retry-After says, and try again.',
            'This has been tried so often that somebody may be guessing.');
end
$$;

comment on function parking.problems() is
$$Everything that a function may refuse with: slug, HTTP status, constant title, what to do about it, and what it means.

Example:
    select status, title, meaning from parking.problems() where slug = 'spot-taken';
     status |       title       |                        meaning
    --------+-------------------+-------------------------------------------------------
        409 | The spot is taken | Somebody has booked the spot for a part of that time.
    (1 row)$$;

grant execute on function parking.problems() to parking_service, parking_dba;


create function parking_private.refuse(slug text, message text)
    returns void
    language plpgsql
    volatile
as $$
declare
    v_problem record;
begin
    select p.status, p.title, p.remedy into strict v_problem
    from parking.problems() p
    where p.slug = refuse.slug;

    raise exception using
        errcode = 'PK' || v_problem.status,
        constraint = refuse.slug,
        message = refuse.message,
        detail = v_problem.title,
        hint = v_problem.remedy;
end
$$;

comment on function parking_private.refuse(text, text) is 'Raise a problem of parking.problems() with this occurrence''s message.';


create function parking.read_clock(
    zone  text,
    shown timestamp,
    turn  text default null
)
    returns timestamptz
    language plpgsql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_told    constant text := to_char(shown, 'FMDay FMDD FMMonth YYYY, HH24:MI');
    v_moments timestamptz[];
begin
    if zone is null or not parking_private.is_time_zone(zone) then
        perform parking_private.refuse('not-a-time-zone', format('%s is no time zone.', coalesce(quote_literal(left(zone, 100)), 'null')));
    elsif shown is null or not isfinite(shown) then
        return shown at time zone zone;
    elsif shown < '0001-01-01' or shown >= '10000-01-01' then
        perform parking_private.refuse('day-out-of-range', format('The year %s is too far away.', to_char(shown, 'YYYY')));
    end if;
    -- By what the clocks were from UTC a day before and will be a day after; where neither brings the time back, no clock shows it.
    select array_agg(distinct m.at order by m.at) into v_moments
    from (values (interval '-24 hours'), (interval '24 hours')) d(away)
    cross join lateral (select (read_clock.shown at time zone zone) + d.away as near) n
    cross join lateral (
        select (read_clock.shown - ((n.near at time zone zone) - (n.near at time zone 'UTC'))) at time zone 'UTC' as at
    ) m
    where m.at at time zone zone = read_clock.shown;

    if v_moments is null then
        perform parking_private.refuse('time-skipped', format('No clock shows %s in %s: they are put forward past it.', v_told, zone));
    elsif cardinality(v_moments) > 1 and (turn is null or turn not in ('first', 'second')) then
        perform parking_private.refuse('time-twice', format('The clocks show %s twice in %s: they are put back past it.', v_told, zone));
    end if;
    return v_moments[case turn when 'second' then cardinality(v_moments) else 1 end];
end
$$;

comment on function parking.read_clock(text, timestamp, text) is
$$The moment at which the clocks of a time zone show this; the first or the second turn of a time that they show twice.

PostgreSQL itself takes any time: of one that the clocks skip in spring it makes a later one, of one that they show twice in
autumn the second.

Problems: not-a-time-zone, day-out-of-range, time-skipped, time-twice.

Example:
    select parking.read_clock('Europe/Berlin', '2026-10-25 02:30', 'second')
         - parking.read_clock('Europe/Berlin', '2026-10-25 02:30', 'first') as apart;
      apart
    ----------
     01:00:00
    (1 row)$$;

grant execute on function parking.read_clock(text, timestamp, text) to parking_service, parking_dba;


create function parking_private.current_tenant()
    returns bigint
    language sql
    stable
    return nullif(current_setting('parking.tenant', true), '')::bigint;

comment on function parking_private.current_tenant() is 'The tenant that this transaction has entered; null: none, and nothing can be seen.';


create function parking_private.enter_tenant(tenant bigint)
    returns bigint
    language plpgsql
    volatile
as $$
begin
    return nullif(set_config('parking.tenant', coalesce(tenant::text, ''), true), '')::bigint;
end
$$;

comment on function parking_private.enter_tenant(bigint) is 'From here to the end of the transaction, or to the next call, rows are those of this tenant; returns it.';


create function parking_private.is_time_zone(zone text)
    returns boolean
    language sql
    stable
    return exists (select from parking_private.time_zones z where z.name = zone)
        -- One of which the operating system has learnt since.
        or exists (select from pg_timezone_names z where z.name = zone);

comment on function parking_private.is_time_zone(text) is
    'Whether this is a name of the IANA database, spelled as there: PostgreSQL would also take CEST and Foo/-3, which no other program knows.';


create function parking_private.amenities()
    returns text[]
    language sql
    immutable
    return array['bicycle-racks', 'car-wash', 'cctv', 'covered', 'ev-charging', 'lift', 'lighting', 'staffed', 'step-free', 'toilets'];

comment on function parking_private.amenities() is 'What a lot may offer besides its spots.';


create function parking_private.local_time(moment timestamptz, zone text)
    returns text
    language sql
    stable
    return to_char(moment at time zone zone, 'FMDay FMDD FMMonth, HH24:MI');

comment on function parking_private.local_time(timestamptz, text) is 'A moment as a driver in that time zone reads it: Friday 20 November, 08:00.';


create function parking_private.local_period(starts timestamptz, ends timestamptz, zone text)
    returns text
    language sql
    stable
    return parking_private.local_time(starts, zone) || '–' || case
        when (starts at time zone zone)::date = (ends at time zone zone)::date then to_char(ends at time zone zone, 'HH24:MI')
        else parking_private.local_time(ends, zone)
    end;

comment on function parking_private.local_period(timestamptz, timestamptz, text) is 'A period as a driver in that time zone reads it: Friday 20 November, 08:00–12:00.';


create function parking_private.rfc3339(moment timestamptz, zone text)
    returns text
    language sql
    stable
begin atomic
    select to_char(l.local, 'YYYY-MM-DD"T"HH24:MI:SS')
        || case when l.shift < interval '0' then '-' else '+' end
        || to_char(case when l.shift < interval '0' then -l.shift else l.shift end, 'HH24:MI')
    from (
        select moment at time zone zone as local,
               (moment at time zone zone) - (moment at time zone 'UTC') as shift
    ) l;
end;

comment on function parking_private.rfc3339(timestamptz, text) is 'A moment with the offset that the time zone has then: 2026-11-20T08:00:00+01:00 (RFC 3339).';

commit;
