{%- set contacts = sluice.if_there('salesforce', 'contact') -%}
{%- set opportunities = sluice.if_there('salesforce', 'opportunity') -%}
{%- set contact = sluice.columns_of(contacts) -%}
{%- set deal = sluice.columns_of(opportunities) -%}
{#- A deal belongs to everybody of its account whom Salesforce knows by e-mail. -#}
with contacts as (
    select
        lower({{ sluice.column_or_null(contact, 'email', 'text') }}) as email,
        {{ sluice.column_or_null(contact, 'account_id', 'text') }} as account_id
    {{ sluice.from_or_nothing(contacts) }}
),

deals as (
    select
        {{ sluice.column_or_null(deal, 'id', 'text') }} as deal_id,
        {{ sluice.column_or_null(deal, 'account_id', 'text') }} as account_id,
        {{ sluice.column_or_null(deal, 'amount', 'numeric(38, 9)') }} as amount,
        coalesce({{ sluice.column_or_null(deal, 'is_won', 'boolean') }}, false) as is_won,
        coalesce({{ sluice.column_or_null(deal, 'is_closed', 'boolean') }}, false) as is_closed,
        coalesce({{ sluice.column_or_null(deal, 'is_deleted', 'boolean') }}, false) as is_deleted,
        {{ sluice.moment_or_null(deal, 'close_date') }} as closes_at
    {{ sluice.from_or_nothing(opportunities) }}
)

select distinct deals.deal_id, contacts.email, deals.amount, deals.is_won, deals.is_closed, deals.closes_at
from deals
inner join contacts on contacts.account_id = deals.account_id
where not deals.is_deleted and contacts.email is not null
