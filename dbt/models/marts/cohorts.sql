{%- set period = var('sluice_cohort_period') -%}
with active as (
    select distinct person_id, cast({{ dbt.date_trunc(period, 'occurred_at') }} as date) as active_in
    from {{ ref('fct_events') }}
),

begun as (
    select person_id, min(active_in) as cohort from active group by person_id
),

sizes as (
    select cohort, count(*) as people from begun group by cohort
),

returned as (
    select
        begun.cohort, {{ dbt.datediff('begun.cohort', 'active.active_in', period) }} as period_number,
        count(*) as returned
    from active
    inner join begun on begun.person_id = active.person_id
    group by 1, 2
)

select
    returned.cohort, cast(returned.period_number as integer) as period_number, sizes.people, returned.returned,
    cast(returned.returned as double precision) / sizes.people as share
from returned
inner join sizes on sizes.cohort = returned.cohort
