{# How many steps of a funnel each person reached. As the server's own funnel report counts: the best start of a person counts, each
   next step is the earliest at or after the one before, and all of it lies within the window from the start. A step whose event was
   asked for before must come later than the step before it. #}
{% macro funnel_reached(name, steps, window, events) -%}
{%- set last = steps | length -%}
with steps as (
    select person_id, occurred_at
    {%- for step in steps %}, max(case when event = {{ sluice.text(step) }} then 1 else 0 end) as is_{{ loop.index }}{% endfor %}
    from {{ events }}
    where event in ({% for step in steps %}{{ sluice.text(step) }}{{ ', ' if not loop.last }}{% endfor %})
    group by person_id, occurred_at
),

moments as (
    select person_id, occurred_at, is_1
    {%- for step in steps[1:] %},
    min(case when is_{{ loop.index + 1 }} = 1 then occurred_at end) over (
        partition by person_id order by occurred_at
        rows between {{ '1 following' if step in steps[:loop.index] else 'current row' }} and unbounded following
    ) as next_{{ loop.index + 1 }}
    {%- endfor %}
    from steps
),

starts as (
    select
        m1.person_id, m1.occurred_at as at_1
        {%- for n in range(2, last + 1) %},
        case when m{{ n - 1 }}.next_{{ n }} <= m1.occurred_at + interval '{{ window }}' then m{{ n - 1 }}.next_{{ n }} end as at_{{ n }}
        {%- endfor %}
    from moments as m1
    {%- for n in range(2, last) %}
    left join moments as m{{ n }}
        on m{{ n }}.person_id = m1.person_id and m{{ n }}.occurred_at = m{{ n - 1 }}.next_{{ n }}
        and m{{ n }}.occurred_at <= m1.occurred_at + interval '{{ window }}'
    {%- endfor %}
    where m1.is_1 = 1
)

select
    {{ sluice.text(name) }} as funnel, person_id, min(at_1) as started_at,
    max(case {% for n in range(last, 1, -1) %}when at_{{ n }} is not null then {{ n }} {% endfor %}else 1 end) as reached
from starts
group by person_id
{%- endmacro %}

{# A text of a setting as SQL. #}
{% macro text(value) %}'{{ value | string | replace("'", "''") }}'{% endmacro %}
