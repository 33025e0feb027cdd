/// The files of a project that uses the package, as `sluice dbt init` writes them.
public struct ProjectTemplate: Sendable {
    /// Which database the project is built in unless `WAREHOUSE_TARGET` says otherwise.
    public enum Target: String, Sendable, CaseIterable {
        case duckdb
        case postgres
    }

    public let name: String
    public let target: Target
    /// Where pipelines load.
    public let schema: String

    public init(name: String, target: Target, schema: String) {
        self.name = name
        self.target = target
        self.schema = schema
    }

    /// Where the package lies in the project.
    public static let packageFolder = "packages/sluice"

    /// Each file by its path in the project, without those of the package.
    public var files: [(path: String, text: String)] {
        [
            ("dbt_project.yml", project), ("profiles.yml", profiles), ("packages.yml", packages),
            ("pipelines.yaml", pipelines), (".gitignore", "target/\nlogs/\ndbt_packages/\n"),
            ("models/README.md", "Your own models; they can build on `ref('fct_events')` and the others.\n"),
        ]
    }

    private var project: String {
        """
        name: \(name)
        version: 1.0.0
        config-version: 2
        profile: \(name)
        require-dbt-version: [">=1.10.5", "<1.12.0"]

        flags:
          send_anonymous_usage_stats: false

        vars:
          # Where pipelines load: the tables events, identities, people and sluice_loads.
          sluice_schema: \(schema)
          # The property of an event that is money.
          sluice_revenue_property: revenue
          sluice_session_minutes: 30
          sluice_cohort_period: week
          # Funnels by name, such as
          #   checkout: { steps: [Viewed cart, Paid], window: 7 days }
          sluice_funnels: {}

        """
    }

    private var profiles: String {
        """
        # Secrets come by the environment; those whose names begin with DBT_ENV_SECRET_ are kept out of dbt's logs.
        \(name):
          target: "{{ env_var('WAREHOUSE_TARGET', '\(target.rawValue)') }}"
          outputs:
            duckdb:
              # A file of its own, which pipelines load and dbt builds in, one after the other; never one of the data folder's store.
              type: duckdb
              path: "{{ env_var('WAREHOUSE_FILE', 'warehouse.duckdb') }}"
              schema: analytics
              threads: 2
            postgres:
              type: postgres
              host: "{{ env_var('WAREHOUSE_HOST', '127.0.0.1') }}"
              port: "{{ env_var('WAREHOUSE_PORT', '5432') | int }}"
              user: "{{ env_var('WAREHOUSE_USER', 'postgres') }}"
              password: "{{ env_var('DBT_ENV_SECRET_WAREHOUSE_PASSWORD', '') }}"
              dbname: "{{ env_var('WAREHOUSE_DATABASE', 'warehouse') }}"
              schema: analytics
              threads: 4

        """
    }

    private var packages: String {
        """
        # Written by sluice dbt init; sluice dbt init --upgrade brings the one of a newer program.
        packages:
          - local: \(Self.packageFolder)

        """
    }

    private var pipelines: String {
        let place =
            switch target {
            case .duckdb: "type: duckdb, path: /ABSOLUTE/PATH/warehouse.duckdb"
            case .postgres: "type: postgres, url: \"secret://env/WAREHOUSE_URL\""
            }
        return """
            # What the models are built from: sluice pipeline apply pipelines.yaml --data DIR, once the paths are yours.
            # One after the other: a DuckDB file has one writer at a time.
            pipelines:
              - name: warehouse-identities
                schedule: { cron: "0 6 * * *" }
                export: { dataset: identities }
                load: { destination: { \(place), schema: \(schema), table: identities } }
              - name: warehouse-people
                schedule: { cron: "5 6 * * *" }
                export: { dataset: people, columns: [person_id, properties] }
                load: { destination: { \(place), schema: \(schema), table: people } }
              - name: warehouse-events
                schedule: { cron: "10 6 * * *" }
                export: { dataset: events }
                load: { destination: { \(place), schema: \(schema), table: events } }
                # Needs serve --dbt PROGRAM --dbt-folder DIR:
                # dbt: { project: /ABSOLUTE/PATH/OF/THIS/FOLDER, target: \(target.rawValue), env: { \(environment) } }

            """
    }

    private var environment: String {
        switch target {
        case .duckdb: "WAREHOUSE_FILE: /ABSOLUTE/PATH/warehouse.duckdb"
        case .postgres: "DBT_ENV_SECRET_WAREHOUSE_PASSWORD: \"secret://env/WAREHOUSE_PASSWORD\""
        }
    }
}
