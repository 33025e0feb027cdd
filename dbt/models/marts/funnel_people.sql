{%- set funnels = var('sluice_funnels') -%}
{% for name, funnel in funnels.items() -%}
select * from (
{{ sluice.funnel_reached(name, funnel.steps, funnel.window, ref('fct_events')) }}
) as funnel_{{ loop.index }}
{{ 'union all' if not loop.last }}
{% else -%}
select
    cast(null as {{ dbt.type_string() }}) as funnel, cast(null as {{ dbt.type_string() }}) as person_id,
    cast(null as timestamp) as started_at, cast(null as integer) as reached
from {{ ref('fct_events') }}
where 1 = 0
{% endfor %}
