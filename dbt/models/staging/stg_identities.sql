select identity, min(person_id) as person_id, coalesce({{ dbt.bool_or('named') }}, false) as is_named, min(first_seq) as first_seq
from {{ source('sluice', 'identities') }}
group by identity
