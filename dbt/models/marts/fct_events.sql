{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='seq', on_schema_change='append_new_columns',
    indexes=sluice.row_indexes(['seq', 'person_id', 'identity']),
    pre_hook="{{ sluice.forget(this, ref('stg_events')) }}"
) }}
{#- A merge, or one that was undone, says of events that were built before that they are another person's: these are built again. -#}

with events as (
    select * from {{ ref('stg_events') }} as staged
    {% if is_incremental() %}
    where {{ sluice.is_new(this, ref('stg_events'), 'staged') }}
    or staged.identity in (
        select had.identity
        from (select distinct identity, person_id from {{ this }}) as had
        left join {{ ref('stg_identities') }} as now_known on now_known.identity = had.identity
        where had.person_id <> coalesce(now_known.person_id, {{ sluice.unknown_person('had.identity') }})
    )
    {% endif %}
)

select
    events.seq, events.event_id,
    coalesce(identities.person_id, {{ sluice.unknown_person('events.identity') }}) as person_id,
    md5(events.event) as event_type_id,
    events.identity, events.event, events.occurred_at, cast(events.occurred_at as date) as occurred_on, events.received_at,
    events.revenue
from events
left join {{ ref('stg_identities') }} as identities on identities.identity = events.identity
