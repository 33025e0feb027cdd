{# How models follow their source by seq.

   New rows are those beyond the greatest seq that the model has: events that come late have a greater seq, whatever their time.
   Rows that are gone from the source (erased, or past retention) leave the model; rows that appeared behind it (a backfill) enter it.
   Both show in the number and the sum of seq up to there, which cost one look at one column; only where these differ are the two
   tables compared row by row. #}

{# Whether the model has, up to its greatest seq, just the rows of its source. #}
{% macro is_whole(model, rows) -%}
{%- if not execute -%}{{ return(true) }}{%- endif -%}
{%- set question -%}
select case when have.n = want.n and have.total = want.total then 1 else 0 end as whole
from (select count(*) as n, coalesce(sum(seq), 0) as total from {{ model }}) as have
cross join (
    select count(*) as n, coalesce(sum(seq), 0) as total from {{ rows }}
    where seq <= (select coalesce(max(seq), 0) from {{ model }})
) as want
{%- endset -%}
{{ return(run_query(question).rows[0][0] | int == 1) }}
{%- endmacro %}

{# The condition of rows that the model does not have; `row` is the alias of the source's rows. #}
{% macro is_new(model, rows, row) -%}
{%- if sluice.is_whole(model, rows) -%}
{{ row }}.seq > (select coalesce(max(seq), 0) from {{ model }})
{%- else -%}
not exists (select 1 from {{ model }} as there where there.seq = {{ row }}.seq)
{%- endif -%}
{%- endmacro %}

{# Takes rows out of the model that are gone from its source; a pre-hook. #}
{% macro forget(model, rows) -%}
{%- if execute and load_relation(model) is not none and not flags.FULL_REFRESH and not sluice.is_whole(model, rows) -%}
delete from {{ model }} where not exists (select 1 from {{ rows }} as there where there.seq = {{ model }}.seq)
{%- else -%}
select 1
{%- endif -%}
{%- endmacro %}

{# The person of an identity that the identities table does not have yet: it stands for itself until the next load. #}
{% macro unknown_person(identity) %}'u_' || md5({{ identity }}){% endmacro %}
