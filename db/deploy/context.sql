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
        slug   text,
        status integer,
        title  text,
        remedy text
    )
    language plpgsql
    immutable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    return query values
        ('unknown-actor',          401, 'Nobody is signed in',                 'Sign in again.'),
        ('session-over',           401, 'The session is over',                 'Sign in again.'),
        ('wrong-credentials',      401, 'Wrong e-mail or password',            'Check both and try again.'),
        ('not-permitted',          403, 'Not permitted',                       'Ask whoever administers your account for the role that may do this.'),
        ('not-your-reservation',   403, 'Another driver''s reservation',       'Only the driver who booked can see, change or end a reservation.'),
        ('registration-closed',    403, 'Nobody can register here',            'Check the tenant''s name, or ask its administrator for an account.'),
        ('wrong-password',         403, 'Wrong password',                      'Give your present password.'),
        ('no-garage',              404, 'No garage',                           'An operator opens one: select * from parking.set_garage(actor, lot).'),
        ('unknown-concession',     404, 'No such season pass or discount',     'select * from parking.list_concessions(actor) lists them.'),
        ('unknown-floor',          404, 'No such floor',                       'Check the floor''s number.'),
        ('unknown-function',       404, 'No such function',                    'select * from parking.help() lists them all.'),
        ('unknown-limit',          404, 'No such limit',                       'select * from parking.list_limits() names them all.'),
        ('unknown-lot',            404, 'No such lot',                         'Check the lot''s number.'),
        ('unknown-pass',           404, 'No such pass',                        'Scan it again, or ask the driver to show the reservation.'),
        ('unknown-person',         404, 'No such person',                      'Check the e-mail and the tenant.'),
        ('unknown-reservation',    404, 'No such reservation',                 'Check the reservation''s number.'),
        ('unknown-role',           404, 'No such role',                        'select * from parking.list_roles() lists them all.'),
        ('unknown-row',            404, 'No such row',                         'Check the row''s number.'),
        ('unknown-spot',           404, 'No such spot',                        'Choose a spot from the list of spots.'),
        ('unknown-tariff',         404, 'No such tariff',                      'select * from parking.list_tariffs() lists those that are valid or will be.'),
        ('unknown-tenant',         404, 'No such tenant',                      'Check the tenant''s name.'),
        ('unknown-ticket',         404, 'No such ticket',                      'Check the ticket''s number, or look for the plate.'),
        ('amount-changed',         409, 'The amount has changed',              'Look at what is due now, and ask for that.'),
        ('bookings-ahead',         409, 'Bookings lie ahead',                  'Wait until they are over, or have them completed, and try again.'),
        ('email-taken',            409, 'The e-mail is taken',                 'Give another one; one account has one e-mail.'),
        ('garage-full',            409, 'The garage is full',                  'Wait until somebody leaves, or choose another lot or time.'),
        ('last-admin',             409, 'The tenant''s last administrator',    'Make somebody else administrator first.'),
        ('name-taken',             409, 'The name is taken',                   'Choose another name.'),
        ('reservation-begun',      409, 'The reservation has begun',           'Complete it when you leave, or change its end only.'),
        ('reservation-not-active', 409, 'The reservation has already ended',   'Nothing is left to do; book again if you need the spot.'),
        ('spot-in-maintenance',    409, 'The spot is in maintenance',          'Choose another spot or another time.'),
        ('spot-taken',             409, 'The spot is taken',                   'Choose another spot or another time.'),
        ('state-not-reachable',    409, 'Not from the present state',          'Set the spot to free first.'),
        ('tariffs-collide',        409, 'Two tariffs would apply at once',     'Give one of them a higher priority, or other times.'),
        ('tenant-taken',           409, 'The tenant''s name is taken',         'Choose another one.'),
        ('ticket-closed',          409, 'The ticket is closed',                'Nothing is left to do; an operator may refund it.'),
        ('ticket-not-paid',        409, 'Nothing was paid for the ticket',     'Let the vehicle leave first.'),
        ('vehicle-inside',         409, 'The vehicle is inside already',       'Check the plate; the ticket that it has is open.'),
        ('cursor-too-old',         410, 'The cursor is too old',               'Read everything anew, and go on from there.'),
        ('precondition-failed',    412, 'It has changed meanwhile',            'Look at it as it is now, and decide anew.'),
        ('day-out-of-range',       422, 'A day beyond the calendar',           'Choose a day between the years 2000 and 2199.'),
        ('lot-closed',             422, 'The lot is closed then',              'Choose a period during which the lot is open.'),
        ('no-tariff',              422, 'No tariff',                           'Choose another time or lot, or ask the operator for the price.'),
        ('not-a-booking-limit',    422, 'Not a limit of bookings',             'Give up to 168 hours, and up to 3650 days ahead; zero is the tenant''s own limit.'),
        ('not-a-concession',       422, 'Neither season pass nor discount',    'Give what the message asks for.'),
        ('not-a-cursor',           422, 'Not a cursor',                        'Give a cursor exactly as it was given to you.'),
        ('not-a-filter',           422, 'Not a filter of reservations',        'Choose among the words that the message lists.'),
        ('not-a-garage',           422, 'Not a garage',                        'Give 1 to 100000 spaces, and an assumed stay of up to 168 hours.'),
        ('not-a-layout',           422, 'Not a layout',                        'Give a list of floors, such as [{"name": "Roof", "rows": 2, "spots": 20}].'),
        ('not-a-lifetime',         422, 'Not a lifetime',                      'Give hours, minutes and seconds within the limits.'),
        ('not-a-limit',            422, 'Not a limit',                         'Give at least one attempt, and one second to 24 hours.'),
        ('not-a-name',             422, 'Not a name',                          'Give one that is neither empty nor longer than 100 characters.'),
        ('not-a-number-of-rows',   422, 'Not a number of rows',                'Give a number from 1 to 100000.'),
        ('not-a-period-of-days',   422, 'Not a period of days',                'Give a first and a last day, at most 400 days.'),
        ('not-a-place-in-order',   422, 'Not a place in an order',             'Give 1 for the first place, 2 for the next one and so on.'),
        ('not-a-plate',            422, 'Not a plate',                         'Give 1 to 20 letters and digits.'),
        ('not-a-position',         422, 'Not a position on Earth',             'Give both latitude and longitude, in degrees.'),
        ('not-a-reason',           422, 'Not a reason',                        'Say why, in 1 to 500 characters.'),
        ('not-a-registration',     422, 'Neither open nor closed',             'Say open or closed.'),
        ('not-a-reporter',         422, 'Not a role for reports',              'A superuser makes one: create role … login in role parking_reporting.'),
        ('not-a-request-id',       422, 'Not the name of a request',           'Give one of 1 to 200 characters, such as a new UUID, or none.'),
        ('not-a-retention',        422, 'Not a retention',                     'Give one month or more, and then detach or drop.'),
        ('not-a-search',           422, 'Not a search',                        'Give at most 200 characters.'),
        ('not-a-size',             422, 'Not the size of a spot',              'Give centimetres: a length from 100 to 3000, a width from 50 to 1000.'),
        ('not-a-spot-type',        422, 'Not a type of spot',                  'Give regular, handicap, compact or ev.'),
        ('not-a-tariff',           422, 'Not a tariff',                        'Give what the message asks for.'),
        ('not-a-tenant',           422, 'Not a tenant''s name',                'Give up to 63 small letters, digits and hyphens, a letter first.'),
        ('not-a-time-zone',        422, 'Not a time zone',                     'Give a name of the IANA database, such as Europe/Berlin.'),
        ('not-a-vehicle',          422, 'Not a kind of vehicle',               'Give one of 1 to 50 characters, such as Car.'),
        ('not-an-address',         422, 'Not an address',                      'Give at most 500 characters.'),
        ('not-an-amenity',         422, 'Not an amenity',                      'Choose among those that the message lists.'),
        ('not-an-amount',          422, 'Not an amount',                       'Give hundredths of the currency, within what was paid.'),
        ('not-an-email',           422, 'Not an e-mail',                       'Give an address such as jo@example.org, at most 254 characters.'),
        ('not-an-override',        422, 'Not an override',                     'Give a state, a reason of up to 500 characters, and an end that lies ahead or none.'),
        ('not-hours',              422, 'Not hours of a day',                  'Write hours as 08:00-20:00, and a week as Mo-Fr 08:00-20:00; Sa 10:00-16:00.'),
        ('password-too-long',      422, 'The password is too long',            'Choose one of 8 to 72 bytes.'),
        ('password-too-weak',      422, 'The password is too weak',            'Choose one of 8 to 72 bytes that is not the e-mail.'),
        ('period-backwards',       422, 'The period ends before it starts',    'Give an end that lies after the start.'),
        ('period-incomplete',      422, 'The period lacks an end or a start',  'Give both times.'),
        ('period-over',            422, 'The period is over',                  'Choose a period whose end lies in the future.'),
        ('period-too-early',       422, 'The period starts too far back',      'Start now or later.'),
        ('period-too-far',         422, 'The period lies too far ahead',       'Choose an earlier day.'),
        ('period-too-long',        422, 'The period is too long',              'Book a shorter period.'),
        ('request-id-reused',      422, 'Another request had this name',       'Give each request a name of its own, such as a new UUID.'),
        ('slots-overlap',          422, 'The time slots overlap',              'Let each slot start when the one before has ended, or later.'),
        ('time-skipped',           422, 'The clocks skip that time',           'Choose a time before or after the hour that is left out.'),
        ('time-twice',             422, 'The clocks show that time twice',     'Say which of the two is meant, first or second.'),
        ('unknown-method',         422, 'No such method of payment',           'select * from parking.list_payment_methods(actor) lists them all.'),
        ('too-many-attempts',      429, 'Too many attempts',                   'Wait as long as Retry-After says, and try again.');
end
$$;

comment on function parking.problems() is
$$Everything that a function may refuse with: slug, HTTP status, constant title, remedy.

Example:
    select status, title, remedy from parking.problems() where slug = 'spot-taken';
     status |       title       |                remedy
    --------+-------------------+--------------------------------------
        409 | The spot is taken | Choose another spot or another time.
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
    if shown is null or not isfinite(shown) then
        return shown at time zone zone;
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

Problems: time-skipped, time-twice.

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
    return exists (select from pg_timezone_names z where z.name = zone);

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
