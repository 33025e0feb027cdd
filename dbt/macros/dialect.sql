{# What PostgreSQL and DuckDB say differently. The models know nothing of it. #}

{# A property of a JSON object as text; null if it has none. #}
{% macro json_text(column, name) %}{{ return(adapter.dispatch('json_text', 'sluice')(column, name)) }}{% endmacro %}

{% macro default__json_text(column, name) %}({{ column }} ->> {{ dbt.string_literal(name | replace("'", "''")) }}){% endmacro %}

{% macro duckdb__json_text(column, name) -%}
({{ column }} ->> '$."{{ name | replace("'", "''") | replace('"', '\\"') }}"')
{%- endmacro %}

{# A text as a number; null if it is none. #}
{% macro to_number(text) %}{{ return(adapter.dispatch('to_number', 'sluice')(text)) }}{% endmacro %}

{% macro default__to_number(text) -%}
{#- What would not fit must not stop the build: at most 20 digits before the point, and one in the exponent. -#}
(case when {{ text }} ~ '^\s*[-+]?([0-9]{1,20}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9])?\s*$' then cast({{ text }} as numeric(38, 9)) end)
{%- endmacro %}

{% macro duckdb__to_number(text) %}try_cast({{ text }} as decimal(38, 9)){% endmacro %}

{# The type of JSON objects. #}
{% macro type_json() %}{{ return(adapter.dispatch('type_json', 'sluice')()) }}{% endmacro %}
{% macro default__type_json() %}jsonb{% endmacro %}
{% macro duckdb__type_json() %}json{% endmacro %}

{# A moment as a timestamp in UTC without a zone, from a column of any type that loaders give it: epoch seconds, text, with a zone or
   without. #}
{% macro utc(column, type='timestamp with time zone') -%}
{%- set type = type | lower -%}
{%- if type.startswith('timestamp') and ('with time zone' in type or type in ['timestamptz', 'timestamp_tz']) -%}
({{ column }} at time zone 'UTC')
{%- elif type.startswith('timestamp') or type == 'date' -%}
cast({{ column }} as timestamp)
{%- elif 'char' in type or type in ['text', 'string'] -%}
(cast({{ column }} as timestamp with time zone) at time zone 'UTC')
{%- else -%}
(to_timestamp(cast({{ column }} as double precision)) at time zone 'UTC')
{%- endif -%}
{%- endmacro %}

{# Now, in UTC without a zone. #}
{% macro now_utc() %}(current_timestamp at time zone 'UTC'){% endmacro %}

{# Indexes, where an engine that stores rows needs them; DuckDB finds ranges without. #}
{% macro row_indexes(columns) -%}
{{ return(sluice.index_list(columns) if target.type == 'postgres' else []) }}
{%- endmacro %}

{% macro index_list(columns) -%}
{%- set found = [] -%}
{%- for column in columns -%}{%- do found.append({'columns': [column]}) -%}{%- endfor -%}
{{ return(found) }}
{%- endmacro %}
