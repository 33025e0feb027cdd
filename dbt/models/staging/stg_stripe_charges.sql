{%- set customers = sluice.if_there('stripe', 'customers') -%}
{%- set charges = sluice.if_there('stripe', 'charges') -%}
{%- set customer = sluice.columns_of(customers) -%}
{%- set charge = sluice.columns_of(charges) -%}
{#- Currencies without a smaller unit. -#}
{%- set whole = "('bif','clp','djf','gnf','jpy','kmf','krw','mga','pyg','rwf','ugx','vnd','vuv','xaf','xof','xpf')" -%}
with customers as (
    select
        {{ sluice.column_or_null(customer, 'id', 'text') }} as customer_id,
        lower({{ sluice.column_or_null(customer, 'email', 'text') }}) as email
    {{ sluice.from_or_nothing(customers) }}
),

charges as (
    select
        {{ sluice.column_or_null(charge, 'id', 'text') }} as charge_id,
        {{ sluice.column_or_null(charge, 'customer', 'text') }} as customer_id,
        {{ sluice.column_or_null(charge, 'amount', 'numeric(38, 9)') }} as amount,
        coalesce({{ sluice.column_or_null(charge, 'amount_refunded', 'numeric(38, 9)') }}, 0) as amount_refunded,
        lower({{ sluice.column_or_null(charge, 'currency', 'text') }}) as currency,
        {{ sluice.column_or_null(charge, 'status', 'text') }} as status,
        {{ sluice.moment_or_null(charge, 'created') }} as charged_at
    {{ sluice.from_or_nothing(charges) }}
)

select
    charges.charge_id, customers.email, charges.currency, charges.charged_at,
    (charges.amount - charges.amount_refunded) / case when charges.currency in {{ whole }} then 1 else 100 end as amount
from (select charges.*, row_number() over (partition by charge_id order by charged_at desc nulls last) as copy from charges) as charges
inner join (select customer_id, max(email) as email from customers group by customer_id) as customers
    on customers.customer_id = charges.customer_id
where charges.copy = 1 and coalesce(charges.status, 'succeeded') = 'succeeded' and customers.email is not null
