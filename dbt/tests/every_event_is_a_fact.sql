-- The facts are the raw events, each once; what was loaded while the models were built is left to the next build.
select want.n as wanted, have.n as found
from (
    select count(distinct event_id) as n from {{ source('sluice', 'events') }}
    where seq <= (select coalesce(max(seq), 0) from {{ ref('fct_events') }})
) as want
cross join (select count(*) as n from {{ ref('fct_events') }}) as have
where want.n <> have.n
