select
    event_type_id, max(event) as event, count(*) as events, count(distinct person_id) as people,
    min(occurred_at) as first_seen, max(occurred_at) as last_seen, coalesce(sum(revenue), 0) as revenue
from {{ ref('fct_events') }}
group by event_type_id
