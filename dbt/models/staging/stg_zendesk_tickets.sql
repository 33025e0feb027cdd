{%- set users = sluice.if_there('zendesk', 'users') -%}
{%- set tickets = sluice.if_there('zendesk', 'tickets') -%}
{%- set user = sluice.columns_of(users) -%}
{%- set ticket = sluice.columns_of(tickets) -%}
with users as (
    select
        {{ sluice.column_or_null(user, 'id', 'text') }} as user_id,
        lower({{ sluice.column_or_null(user, 'email', 'text') }}) as email
    {{ sluice.from_or_nothing(users) }}
),

tickets as (
    select
        {{ sluice.column_or_null(ticket, 'id', 'text') }} as ticket_id,
        {{ sluice.column_or_null(ticket, 'requester_id', 'text') }} as user_id,
        lower({{ sluice.column_or_null(ticket, 'status', 'text') }}) as status,
        {{ sluice.moment_or_null(ticket, 'created_at') }} as created_at,
        {{ sluice.moment_or_null(ticket, 'updated_at') }} as updated_at
    {{ sluice.from_or_nothing(tickets) }}
)

select tickets.ticket_id, users.email, tickets.status, tickets.created_at
from (
    select tickets.*, row_number() over (partition by ticket_id order by updated_at desc nulls last, created_at desc nulls last) as copy from tickets
) as tickets
inner join (select user_id, max(email) as email from users group by user_id) as users on users.user_id = tickets.user_id
where tickets.copy = 1 and users.email is not null and coalesce(tickets.status, '') <> 'deleted'
