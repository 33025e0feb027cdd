{%- set funnels = var('sluice_funnels') -%}
with steps as (
    {% for name, funnel in funnels.items() -%}
    {%- set is_last = loop.last -%}
    {%- for step in funnel.steps -%}
    select {{ sluice.text(name) }} as funnel, {{ loop.index }} as step, {{ sluice.text(step) }} as event
    {{ 'union all' if not (loop.last and is_last) }}
    {% endfor -%}
    {%- else -%}
    select
        cast(null as {{ dbt.type_string() }}) as funnel, cast(null as integer) as step,
        cast(null as {{ dbt.type_string() }}) as event
    where 1 = 0
    {% endfor %}
),

counted as (
    select steps.funnel, steps.step, steps.event, count(people.person_id) as people
    from steps
    left join {{ ref('funnel_people') }} as people on people.funnel = steps.funnel and people.reached >= steps.step
    group by steps.funnel, steps.step, steps.event
)

select
    counted.*,
    cast(people as double precision)
        / nullif(first_value(people) over (partition by funnel order by step), 0) as share_of_first,
    cast(people as double precision)
        / nullif(lag(people) over (partition by funnel order by step), 0) as share_of_previous
from counted
