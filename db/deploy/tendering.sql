-- Deploy parking:tendering to pg
-- requires: paying
--
-- An attendant reads an amount off a screen and asks for it, and the driver looks for the money. Meanwhile an hour may begin. What a
-- stay costs is judged when the vehicle leaves; that what is charged is what was asked for is said by agree(), in the statement
-- that lets the vehicle leave, all of which is undone where it is not so:
--
--     select t.ticket_number from parking.leave_garage(8, 'PS-0012', 'Cash') t, parking.agree(t.amount_cents, 2000)

begin;

set local role parking_owner;

create function parking.agree(
    charged_cents bigint,
    shown_cents   bigint
)
    returns bigint
    language plpgsql
    immutable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
begin
    if charged_cents is distinct from shown_cents then
        perform parking_private.refuse('amount-changed', format('The amount is %s now.', parking_private.money(charged_cents)));
    end if;
    return charged_cents;
end
$$;

comment on function parking.agree(bigint, bigint) is
$$Refuse an amount other than the one that somebody was shown; returns it. In one statement with what charges it, nothing is charged then.

Problems: amount-changed.

Example:
    select parking.agree(1000, 1000);
     agree
    -------
      1000
    (1 row)

    select parking.agree(2000, 1000);
    ERROR:  The amount is 20.00 now.
    DETAIL:  The amount has changed
    HINT:  Look at what is due now, and ask for that.$$;

grant execute on function parking.agree(bigint, bigint) to parking_service, parking_dba;

commit;
