{{ config(indexes=sluice.row_indexes(['person_id'])) }}

with identities as (
    select person_id, identity, is_named, first_seq from {{ ref('stg_identities') }}
    union all
    select distinct
        events.person_id, events.identity, false as is_named, cast(null as bigint) as first_seq
    from {{ ref('fct_events') }} as events
    where not exists (select 1 from {{ ref('stg_identities') }} as known where known.identity = events.identity)
),

ranked as (
    select
        identities.*,
        row_number() over (partition by person_id order by is_named desc, first_seq, identity) as by_name,
        row_number() over (
            partition by person_id order by case when identity like '%_@_%._%' then 0 else 1 end, first_seq, identity
        ) as by_address
    from identities
),

people as (
    select
        person_id, count(*) as identities,
        max(case when by_name = 1 then identity end) as primary_identity,
        max(case when by_address = 1 and identity like '%_@_%._%' then identity end) as address
    from ranked
    group by person_id
),

activity as (
    select
        person_id, count(*) as events_total, count(distinct occurred_on) as active_days,
        min(occurred_at) as first_seen, max(occurred_at) as last_seen, coalesce(sum(revenue), 0) as revenue
    from {{ ref('fct_events') }}
    group by person_id
)

select
    people.person_id, people.primary_identity, people.identities,
    lower(coalesce(known.email, people.address)) as email,
    activity.first_seen, activity.last_seen,
    coalesce(activity.events_total, 0) as events_total,
    coalesce(activity.active_days, 0) as active_days,
    coalesce(activity.revenue, 0) as revenue,
    cast(known.properties_text as {{ sluice.type_json() }}) as properties
from people
left join activity on activity.person_id = people.person_id
left join {{ ref('stg_people') }} as known on known.person_id = people.person_id
