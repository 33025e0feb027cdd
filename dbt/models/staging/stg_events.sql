{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='append_new_columns',
    indexes=sluice.row_indexes(['seq', 'event_id', 'identity']),
    pre_hook="{{ sluice.forget(this, source('sluice', 'events')) }}"
) }}

with new_rows as (
    select
        raw_events.seq, raw_events.event_id, raw_events.identity, raw_events.event,
        {{ sluice.utc('raw_events.' ~ adapter.quote('timestamp')) }} as occurred_at,
        {{ sluice.utc('raw_events.received_at') }} as received_at,
        raw_events.properties,
        row_number() over (partition by raw_events.event_id order by raw_events.seq) as copy
    from {{ source('sluice', 'events') }} as raw_events
    {% if is_incremental() %}
    where {{ sluice.is_new(this, source('sluice', 'events'), 'raw_events') }}
      and not exists (select 1 from {{ this }} as had where had.event_id = raw_events.event_id)
    {% endif %}
)

select
    seq, event_id, identity, event, occurred_at, received_at, properties,
    {{ sluice.to_number(sluice.json_text('properties', var('sluice_revenue_property'))) }} as revenue
from new_rows
where copy = 1
