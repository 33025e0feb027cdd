-- Each project counts its own seq: events of two in one table would be taken for one another's.
select count(distinct installation) as projects
from {{ source('sluice', 'sluice_loads') }}
where replace(target, '"', '') = '{{ var("sluice_schema") }}.{{ var("sluice_events_table") }}'
having count(distinct installation) > 1
