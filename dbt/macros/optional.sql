{# Tables and columns that need not be there. #}

{# A source's table; none if there is no such table (or nothing is run yet). #}
{% macro if_there(source_name, table_name) -%}
{%- set wanted = source(source_name, table_name) -%}
{%- if not execute -%}{{ return(none) }}{%- endif -%}
{{ return(adapter.get_relation(database=wanted.database, schema=wanted.schema, identifier=wanted.identifier)) }}
{%- endmacro %}

{# The columns of a table by their names in lower case; empty if there is no table. #}
{% macro columns_of(relation) -%}
{%- set found = {} -%}
{%- if relation is not none -%}
{%- for column in adapter.get_columns_in_relation(relation) -%}{%- do found.update({column.name | lower: column}) -%}{%- endfor -%}
{%- endif -%}
{{ return(found) }}
{%- endmacro %}

{# A column cast to a type, or nothing of that type where the table lacks it. #}
{% macro column_or_null(columns, name, type) -%}
{%- if name in columns -%}cast({{ adapter.quote(columns[name].name) }} as {{ type }}){%- else -%}cast(null as {{ type }}){%- endif -%}
{%- endmacro %}

{# A column as a moment in UTC, or nothing where the table lacks it. #}
{% macro moment_or_null(columns, name) -%}
{%- if name in columns -%}{{ sluice.utc(adapter.quote(columns[name].name), columns[name].dtype) }}{%- else -%}cast(null as timestamp){%- endif -%}
{%- endmacro %}

{# What the rows of an optional table come from: the table, or one row that the condition beside it takes out. #}
{% macro from_or_nothing(relation) -%}
{%- if relation is none -%}from (select 1 as nothing) as absent where 1 = 0{%- else -%}from {{ relation }} where 1 = 1{%- endif -%}
{%- endmacro %}
