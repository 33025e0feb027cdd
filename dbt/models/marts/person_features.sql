{{ config(indexes=sluice.row_indexes(['person_id'])) }}
{#- Other services know people by e-mail: that of the person, or any identity that is one. Where two persons have the same address
    one of them gets what is known of it, so that nothing counts twice. -#}

with addresses as (
    select email, min(person_id) as person_id
    from (
        select lower(identity) as email, person_id from {{ ref('stg_identities') }} where identity like '%_@_%._%'
        union
        select email, person_id from {{ ref('dim_people') }} where email is not null
    ) as known
    group by email
),

session_counts as (
    select person_id, count(*) as sessions, avg(seconds) as seconds_a_session
    from {{ ref('sessions') }}
    group by person_id
),

stripe as (
    select
        addresses.person_id,
        sum(case when charges.currency = '{{ var('sluice_currency') | lower }}' then charges.amount else 0 end) as stripe_revenue,
        count(*) as stripe_payments,
        sum(case when charges.currency = '{{ var('sluice_currency') | lower }}' then 0 else 1 end) as stripe_payments_other_currency,
        max(charges.charged_at) as stripe_last_payment_at
    from {{ ref('stg_stripe_charges') }} as charges
    inner join addresses on addresses.email = charges.email
    group by addresses.person_id
),

deals as (
    select
        person_id, count(*) as deals,
        sum(case when is_closed then 0 else 1 end) as deals_open,
        sum(case when is_closed then 0 else amount end) as deals_open_amount,
        sum(case when is_won then 1 else 0 end) as deals_won,
        sum(case when is_won then amount else 0 end) as deals_won_amount
    from (
        select distinct
            addresses.person_id, salesforce.deal_id, salesforce.amount, salesforce.is_won, salesforce.is_closed
        from {{ ref('stg_salesforce_deals') }} as salesforce
        inner join addresses on addresses.email = salesforce.email
    ) as own
    group by person_id
),

tickets as (
    select
        addresses.person_id, count(*) as tickets,
        sum(case when zendesk.status in ('solved', 'closed') then 0 else 1 end) as tickets_open,
        max(zendesk.created_at) as last_ticket_at
    from {{ ref('stg_zendesk_tickets') }} as zendesk
    inner join addresses on addresses.email = zendesk.email
    group by addresses.person_id
)

select
    people.person_id, people.email, people.first_seen, people.last_seen, people.events_total, people.active_days,
    cast(extract(epoch from ({{ sluice.now_utc() }} - people.last_seen)) / 86400 as double precision) as days_since_last_seen,
    people.revenue,
    coalesce(session_counts.sessions, 0) as sessions, session_counts.seconds_a_session,
    stripe.stripe_revenue, stripe.stripe_payments, stripe.stripe_payments_other_currency, stripe.stripe_last_payment_at,
    deals.deals, deals.deals_open, deals.deals_open_amount, deals.deals_won, deals.deals_won_amount,
    tickets.tickets, tickets.tickets_open, tickets.last_ticket_at
from {{ ref('dim_people') }} as people
left join session_counts on session_counts.person_id = people.person_id
left join stripe on stripe.person_id = people.person_id
left join deals on deals.person_id = people.person_id
left join tickets on tickets.person_id = people.person_id
