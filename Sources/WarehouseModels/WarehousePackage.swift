/// The dbt package that is part of the program: the files of `dbt/`, each by its path there.
public enum WarehousePackage {
    public struct File: Sendable {
        public let path: String
        public let bytes: [UInt8]

        init(_ path: String, _ bytes: [UInt8]) {
            self.path = path
            self.bytes = bytes
        }
    }

    /// A file of `dbt/` is listed here and in Package.swift, and has a link in `Resources`.
    public static let files: [File] = [
        File("README.md", PackageResources.README_md),
        File("dbt_project.yml", PackageResources.dbt_project_yml),
        File("macros/dialect.sql", PackageResources.dialect_sql),
        File("macros/funnel.sql", PackageResources.funnel_sql),
        File("macros/incremental.sql", PackageResources.incremental_sql),
        File("macros/optional.sql", PackageResources.optional_sql),
        File("models/exposures.yml", PackageResources.exposures_yml),
        File("models/marts/activity_stream.sql", PackageResources.activity_stream_sql),
        File("models/marts/cohorts.sql", PackageResources.cohorts_sql),
        File("models/marts/dim_event_types.sql", PackageResources.dim_event_types_sql),
        File("models/marts/dim_people.sql", PackageResources.dim_people_sql),
        File("models/marts/fct_events.sql", PackageResources.fct_events_sql),
        File("models/marts/funnel_people.sql", PackageResources.funnel_people_sql),
        File("models/marts/funnels.sql", PackageResources.funnels_sql),
        File("models/marts/marts.yml", PackageResources.marts_yml),
        File("models/marts/person_features.sql", PackageResources.person_features_sql),
        File("models/marts/sessions.sql", PackageResources.sessions_sql),
        File("models/sources.yml", PackageResources.sources_yml),
        File("models/staging/staging.yml", PackageResources.staging_yml),
        File("models/staging/stg_events.sql", PackageResources.stg_events_sql),
        File("models/staging/stg_identities.sql", PackageResources.stg_identities_sql),
        File("models/staging/stg_people.sql", PackageResources.stg_people_sql),
        File("models/staging/stg_salesforce_deals.sql", PackageResources.stg_salesforce_deals_sql),
        File("models/staging/stg_stripe_charges.sql", PackageResources.stg_stripe_charges_sql),
        File("models/staging/stg_zendesk_tickets.sql", PackageResources.stg_zendesk_tickets_sql),
        File("tests/events_are_of_one_project.sql", PackageResources.events_are_of_one_project_sql),
        File("tests/every_event_is_a_fact.sql", PackageResources.every_event_is_a_fact_sql),
        File("tests/sessions_have_every_event.sql", PackageResources.sessions_have_every_event_sql),
    ]
}
