{{ config(materialized='view') }}

select
    events.event_id as activity_id,
    events.occurred_at as ts,
    events.person_id as customer,
    case when coalesce(identities.is_named, false) then null else events.identity end as anonymous_customer_id,
    events.event as activity,
    staged.properties as feature_json,
    events.revenue as revenue_impact,
    cast(null as {{ dbt.type_string() }}) as link,
    row_number() over (partition by events.person_id, events.event order by events.occurred_at, events.seq)
        as activity_occurrence,
    lead(events.occurred_at) over (partition by events.person_id, events.event order by events.occurred_at, events.seq)
        as activity_repeated_at
from {{ ref('fct_events') }} as events
inner join {{ ref('stg_events') }} as staged on staged.seq = events.seq
left join {{ ref('stg_identities') }} as identities on identities.identity = events.identity
