-- Deploy parking:signing_in to pg
-- requires: membership

begin;

set local role parking_owner;

create function parking.sign_in(
    email    text,
    password text,
    tenant   text default 'default'
)
    returns table (
        outcome      text,
        person_id    bigint,
        driver       text,
        display_name text
    )
    language plpgsql
    volatile
    security definer
    set search_path = pg_catalog, parking, parking_private, pg_temp
as $$
declare
    v_tenant constant bigint := parking_private.tenant_of(sign_in.tenant);
    -- The hash of a password that nobody knows, at the cost that real ones have: an unknown e-mail takes as long as a
    -- wrong password.
    c_nobody constant text := '$2a$10$8tV0v5Q0Zb6oBqJb0xGk5uP2cXz0yqQO7o2zP3m9oYtJmZC5r4nYy';
    v_person record;
begin
    perform parking_private.enter_tenant(v_tenant);
    select p.id, p.email, p.display_name, p.password_hash into v_person
    from parking.people p
    where p.tenant_id = v_tenant
      and p.email = lower(sign_in.email)
      and p.active;

    if extensions.crypt(password, coalesce(v_person.password_hash, c_nobody)) = v_person.password_hash then
        return query select 'signed-in', v_person.id, v_person.email, v_person.display_name;
    else
        return query select 'wrong-credentials', null::bigint, null::text, null::text;
    end if;
end
$$;

comment on function parking.sign_in(text, text, text) is
$$Check a password; the outcome is signed-in or wrong-credentials, the same for an unknown e-mail, and after the same time.

It returns the outcome and never raises it, so that what a refusal leaves behind is kept. It takes about 55 ms of a core.

Example:
    select outcome, driver, display_name from parking.sign_in('driver1@parking.com', 'password123');
      outcome  |       driver        | display_name
    -----------+---------------------+--------------
     signed-in | driver1@parking.com | Driver One
    (1 row)

    select outcome, driver from parking.sign_in('driver1@parking.com', 'guess');
          outcome      | driver
    -------------------+--------
     wrong-credentials |
    (1 row)$$;

grant execute on function parking.sign_in(text, text, text) to parking_service, parking_dba;

commit;
