{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='person_id',
    indexes=sluice.row_indexes(['person_id']),
    pre_hook="{% if is_incremental() %}delete from {{ this }} where not exists (select 1 from {{ ref('fct_events') }} as there where there.person_id = {{ this }}.person_id){% else %}select 1{% endif %}"
) }}
{#- The sessions of a person are built again whenever the person's events are not those that they were built from: new ones, late
    ones that join two sessions, those of a merge, and those that are gone. -#}

with events as (
    select person_id, seq, event, occurred_at, revenue from {{ ref('fct_events') }}
    {% if is_incremental() %}
    where person_id in (
        select now_there.person_id
        from (select person_id, count(*) as n, sum(seq) as total from {{ ref('fct_events') }} group by person_id) as now_there
        left join (select person_id, sum(events) as n, sum(seq_total) as total from {{ this }} group by person_id) as had
            on had.person_id = now_there.person_id
        where had.person_id is null or had.n <> now_there.n or had.total <> now_there.total
    )
    {% endif %}
),

begun as (
    select
        events.*,
        case
            when occurred_at - lag(occurred_at) over (partition by person_id order by occurred_at, seq)
                <= interval '{{ var('sluice_session_minutes') }} minutes' then 0
            else 1
        end as begins
    from events
),

numbered as (
    select
        begun.*,
        sum(begins) over (partition by person_id order by occurred_at, seq rows unbounded preceding) as session_number
    from begun
),

placed as (
    select
        numbered.*,
        row_number() over (partition by person_id, session_number order by occurred_at, seq) as from_start,
        row_number() over (partition by person_id, session_number order by occurred_at desc, seq desc) as from_end
    from numbered
)

select
    md5(person_id || ':' || cast(max(case when from_start = 1 then seq end) as {{ dbt.type_string() }})) as session_id,
    person_id, cast(session_number as bigint) as session_number,
    min(occurred_at) as started_at, max(occurred_at) as ended_at,
    cast(extract(epoch from (max(occurred_at) - min(occurred_at))) as double precision) as seconds,
    count(*) as events,
    max(case when from_start = 1 then event end) as first_event,
    max(case when from_end = 1 then event end) as last_event,
    coalesce(sum(revenue), 0) as revenue,
    cast(sum(seq) as numeric(38, 0)) as seq_total
from placed
group by person_id, session_number
