select facts.n as wanted, visits.n as found
from (select count(*) as n from {{ ref('fct_events') }}) as facts
cross join (select coalesce(sum(events), 0) as n from {{ ref('sessions') }}) as visits
where facts.n <> visits.n
