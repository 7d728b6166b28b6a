-- Deploy parking:throttling to pg
-- requires: sessions
--
-- What can be guessed is counted before it is judged, and whoever has tried too often is told when to come back. An attempt
-- locks the rows of what it is counted under until it is over, so a hundred at once are counted one by one; the kinds come in
-- the order sign-in, account and address, address, account, old password, so that nobody waits in a circle. Whoever waits in
-- vain for such a lock is one of too many as well. What is refused leaves no row: made-up e-mails must not fill the table.
--
-- A row holds one moment, not a list: "20, and then one in every 5 minutes" is kept by putting off by 5 minutes when all
-- is forgotten, and refusing what would put it off to more than 20 times 5 minutes from now.

begin;

set local role parking_owner;

create function parking_private.attempt_keys(kinds text[], whose text[])
    returns bytea[]
    language sql
    immutable
    return array(
        select sha256(convert_to(k.kind || ':' || coalesce(k.who, ''), 'UTF8'))
        from unnest(kinds, whose) with ordinality k (kind, who, n)
        order by k.n
    );

comment on function parking_private.attempt_keys(text[], text[]) is 'Under what attempts of these kinds by these are counted.';


create function parking_private.count_attempt(kinds text[], whose text[])
    returns integer
    language plpgsql
    volatile
as $$
declare
    c_after_a_queue constant integer := 2;
    v_keys          constant bytea[] := parking_private.attempt_keys(kinds, whose);
    v_now           timestamptz;
    v_wait          integer;
begin
    insert into parking_private.attempts (key, kind, forgotten_at)
    select k.key, k.kind, parking.clock()
    from unnest(v_keys, kinds) with ordinality k (key, kind, n)
    order by k.n
    on conflict (key) do update set kind = excluded.kind;  -- which locks the row

    v_now := parking.clock();
    -- Attempts put it off to no more than that. Beyond it lies what was counted by a clock that was ahead of this one, or
    -- under a larger limit; nobody waits for the one to be caught up with.
    update parking_private.attempts a
    set forgotten_at = v_now + l.every * l.attempts
    from parking_private.limits l
    where a.key = any (v_keys)
      and l.kind = a.kind
      and a.forgotten_at > v_now + l.every * l.attempts;

    select max(ceil(extract(epoch from greatest(a.forgotten_at, v_now) - v_now - l.every * (l.attempts - 1)))) into v_wait
    from parking_private.attempts a
    join parking_private.limits l on l.kind = a.kind
    where a.key = any (v_keys);
    if v_wait > 0 then
        -- Such a row counts nothing; this call has made it, or locked it.
        delete from parking_private.attempts a
        where a.key = any (v_keys)
          and a.forgotten_at <= v_now;
        return v_wait;
    end if;

    update parking_private.attempts a
    set forgotten_at = greatest(a.forgotten_at, v_now) + l.every
    from parking_private.limits l
    where a.key = any (v_keys)
      and l.kind = a.kind;
    return 0;
exception when lock_not_available then
    return c_after_a_queue;
end
$$;

comment on function parking_private.count_attempt(text[], text[]) is
    'Count an attempt of these kinds by these; 0, or in how many seconds to come back, and then it is counted nowhere.';


create function parking_private.take_back_attempt(kinds text[], whose text[])
    returns void
    language sql
    volatile
begin atomic
    update parking_private.attempts a
    set forgotten_at = a.forgotten_at - l.every
    from parking_private.limits l
    where a.key = any (parking_private.attempt_keys(kinds, whose))
      and l.kind = a.kind;
end;

comment on function parking_private.take_back_attempt(text[], text[]) is 'An attempt that was counted has succeeded and does not count.';


create function parking_private.network_of(address inet)
    returns text
    language sql
    immutable
    return coalesce(host(network(set_masklen(address, case family(address) when 6 then 64 else 32 end))), '');

comment on function parking_private.network_of(inet) is
    'Whom an address stands for: itself, or the /64 of an IPv6 address, of which every household has 2^64; empty: a call from psql.';


create function parking.list_limits()
    returns table (
        kind     text,
        attempts integer,
        every    interval,
        meaning  text
    )
    language sql
    stable
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
begin atomic
    select l.kind, l.attempts, l.every, l.meaning from parking_private.limits l order by l.kind;
end;

comment on function parking.list_limits() is
$$How often something may be tried: so many attempts at once, and then one in every so long.

Example:
    select kind, attempts, every from parking.list_limits();
            kind         | attempts |  every
    ---------------------+----------+----------
     account             |       20 | 00:05:00
     account and address |        5 | 00:02:00
     address             |       50 | 00:00:10
     old password        |       20 | 00:05:00
     registration        |       10 | 00:06:00
     sign-in             |      100 | 00:00:02
    (6 rows)$$;

grant execute on function parking.list_limits() to parking_dba;


create function parking.limit_attempts(
    kind     text,
    attempts integer,
    every    interval
)
    returns parking_private.limits
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_limit parking_private.limits;
begin
    if attempts is null or attempts < 1 or attempts > 1000000 then
        perform parking_private.refuse('not-a-limit', 'So many attempts at once: a number from 1 to 1000000.');
    elsif every is null or every < '1 second' or every > '24 hours' or extract(day from every) <> 0 then
        perform parking_private.refuse('not-a-limit', 'One more attempt in every so long: from 1 second to 24 hours.');
    end if;
    update parking_private.limits l
    set attempts = limit_attempts.attempts, every = limit_attempts.every
    where l.kind = limit_attempts.kind
    returning l.* into v_limit;
    if not found then
        perform parking_private.refuse('unknown-limit', format('Nothing is limited by %s.', coalesce(quote_literal(kind), 'null')));
    end if;
    return v_limit;
end
$$;

comment on function parking.limit_attempts(text, integer, interval) is
$$Change how often something may be tried: so many attempts at once, and then one in every so long.

It holds from now on, in all tenants. parking.list_limits() tells the kinds.

Problems: not-a-limit, unknown-limit.

Example:
    select kind, attempts, every from parking.limit_attempts('registration', attempts => 3, every => '1 hour');
         kind     | attempts |  every
    --------------+----------+----------
     registration |        3 | 01:00:00
    (1 row)

    select parking.limit_attempts('registration', attempts => 0, every => '1 hour');
    ERROR:  So many attempts at once: a number from 1 to 1000000.
    DETAIL:  Not a limit
    HINT:  Give at least one attempt, and one second to 24 hours.$$;

grant execute on function parking.limit_attempts(text, integer, interval) to parking_dba;

commit;
