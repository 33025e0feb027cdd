{%- set there = sluice.if_there('sluice', 'people') -%}
{%- set columns = sluice.columns_of(there) -%}
select person_id, max(email) as email, max(properties_text) as properties_text
from (
    select
        {{ sluice.column_or_null(columns, 'person_id', 'text') }} as person_id,
        {% if 'email' in columns or 'properties' not in columns -%}
        {{ sluice.column_or_null(columns, 'email', 'text') }}
        {%- else -%}
        {{ sluice.json_text('properties', 'email') }}
        {%- endif %} as email,
        {{ sluice.column_or_null(columns, 'properties', 'text') }} as properties_text
    {{ sluice.from_or_nothing(there) }}
) as people
where person_id is not null
group by person_id
