// swift-tools-version: 6.2
import PackageDescription

// The engine's shared library: `scripts/get-duckdb` lays it under .deps/lib, with a stand-in for the Python symbols
// that this build of it leaves open. SLUICE_DUCKDB_LIB names a folder with another libduckdb.so, which leaves none open.
let ownDuckDB = Context.environment["SLUICE_DUCKDB_LIB"].flatMap { $0.isEmpty ? nil : $0 }
let duckdb = ownDuckDB ?? Context.packageDirectory + "/.deps/lib"
var duckdbLinking: [LinkerSetting] = [
    .unsafeFlags([
        "-L", duckdb, "-Xlinker", "-rpath", "-Xlinker", duckdb, "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN",
    ]),
    .linkedLibrary("duckdb"),
]
if ownDuckDB == nil { duckdbLinking.append(.linkedLibrary("duckdb_pystub")) }

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let tls = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")

// The files of the dbt package, which is part of the program.
let models = [
    "README.md", "dbt_project.yml", "dialect.sql", "funnel.sql", "incremental.sql", "optional.sql",
    "exposures.yml", "activity_stream.sql", "cohorts.sql", "dim_event_types.sql", "dim_people.sql",
    "fct_events.sql", "funnel_people.sql", "funnels.sql", "marts.yml", "person_features.sql", "sessions.sql",
    "sources.yml", "staging.yml", "stg_events.sql", "stg_identities.sql", "stg_people.sql",
    "stg_salesforce_deals.sql", "stg_stripe_charges.sql", "stg_zendesk_tickets.sql",
    "events_are_of_one_project.sql", "every_event_is_a_fact.sql", "sessions_have_every_event.sql",
]

let package = Package(
    name: "sluice",
    products: [.executable(name: "sluice", targets: ["sluice"])],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.5.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C wrappers: declarations and link rules only.
        .target(name: "CDuckDB", linkerSettings: duckdbLinking),
        .target(name: "CCodecs", linkerSettings: [.linkedLibrary("z"), .linkedLibrary("zstd")]),
        .target(name: "CPostgres", linkerSettings: [.linkedLibrary("pq")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CSpawn"),
        // The rooms, lowest first. Each may use those before it and none after.
        .target(name: "Model"),
        .target(name: "Threads"),
        .target(name: "Codecs", dependencies: ["CCodecs"]),
        .target(name: "Age", dependencies: [crypto]),
        // Lifetimes: a column's view and a text in it borrow the chunk's memory, and the compiler refuses to let one escape.
        .target(
            name: "DuckDB", dependencies: ["CDuckDB", "Threads"],
            swiftSettings: [.enableExperimentalFeature("Lifetimes")]),
        .target(name: "Control", dependencies: ["Model", crypto, .product(name: "GRDB", package: "GRDB.swift")]),
        .target(name: "Journal", dependencies: ["Model", "Threads", "CCodecs", logging]),
        .target(name: "EventStore", dependencies: ["Model", "Journal", "DuckDB", logging]),
        .target(name: "People", dependencies: ["Model", "EventStore", "DuckDB"]),
        .target(name: "Reports", dependencies: ["Model", "EventStore", "DuckDB"]),
        .target(
            name: "Exports",
            dependencies: [
                "Model", "Threads", "EventStore", "DuckDB", "Reports", "Codecs", "Age", "CCodecs", crypto, cryptoExtras,
            ]),
        .target(
            name: "Connectors",
            dependencies: ["Model", "Threads", "CCurl", crypto, nio, nioPosix, nioHTTP, nioTLS, tls]),
        .target(name: "Triggers", dependencies: ["Model", "EventStore", "Connectors"]),
        .target(
            name: "Webhooks",
            dependencies: [
                "Model", "Journal", "EventStore", "People", "Connectors", "Triggers", crypto, grdb, logging,
            ]),
        .target(
            name: "Destinations",
            dependencies: ["Model", "Threads", "DuckDB", "CPostgres", "Connectors", crypto, cryptoExtras]),
        .target(
            name: "Pipelines",
            dependencies: [
                "CSpawn", "Model", "Age", "Threads", "DuckDB", "Control", "EventStore", "Reports", "Exports",
                "Connectors", "Triggers", "Webhooks", "Destinations",
                logging,
                .product(name: "Yams", package: "Yams"),
            ]),
        .target(name: "Collect", dependencies: ["Model", "Journal"]),
        .target(name: "WarehouseModels", resources: models.map { .embedInCode("Resources/" + $0) }),
        .target(
            name: "Server",
            dependencies: [
                "Model", "Threads", "Codecs", "DuckDB", "Control", "Journal", "EventStore", "People",
                "Reports", "Exports", "Connectors", "Triggers", "Webhooks", "Destinations", "Pipelines", "Collect",
                crypto, hummingbird, hummingbirdCore, httpTypes, nio, nioPosix, nioHTTP, tls, logging, lifecycle,
                signals,
            ],
            resources: [.embedInCode("Resources/openapi.yaml")]),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "Model", "Age", "Connectors", "DuckDB", "Control", "EventStore", "Exports", "Pipelines", "Server",
                "WarehouseModels",
                logging, nio,
                nioPosix, tls,
                crypto,
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),
        // What benchmarks compare with; no product has it.
        .executableTarget(
            name: "bare-sender",
            dependencies: [nio, nioHTTP, .product(name: "AsyncHTTPClient", package: "async-http-client")],
            path: "bench/load/BareSender"),
        // Tests, one target a room.
        .testTarget(name: "ModelTests", dependencies: ["Model"]),
        .testTarget(name: "AgeTests", dependencies: ["Age", crypto]),
        .testTarget(name: "DuckDBTests", dependencies: ["DuckDB"]),
        .testTarget(
            name: "ControlTests",
            dependencies: ["Control", "Model", crypto, .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(name: "JournalTests", dependencies: ["Journal", "Model", "Threads", logging]),
        .testTarget(name: "EventStoreTests", dependencies: ["EventStore", "Journal", "Model", "DuckDB", logging]),
        .testTarget(
            name: "PeopleTests",
            dependencies: ["People", "EventStore", "Journal", "Codecs", "Model", "DuckDB", logging]),
        .testTarget(
            name: "ReportsTests",
            dependencies: ["Reports", "EventStore", "Journal", "Collect", "Codecs", "Model", "DuckDB", logging]),
        .testTarget(name: "CollectTests", dependencies: ["Collect", "Journal", "Model"]),
        .testTarget(
            name: "ExportsTests",
            dependencies: ["Exports", "EventStore", "Journal", "Codecs", "Age", "Model", "DuckDB", logging]),
        .testTarget(
            name: "ConnectorsTests", dependencies: ["Connectors", "Model", nio, nioPosix, nioHTTP, tls],
            resources: [.embedInCode("webhook_vectors.json")]),
        .testTarget(name: "TriggersTests", dependencies: ["Triggers", "EventStore", "Model"]),
        .testTarget(
            name: "WebhooksTests",
            dependencies: ["Webhooks", "Connectors", "EventStore", "Journal", "Triggers", "Model", grdb, logging]),
        .testTarget(
            name: "PipelinesTests",
            dependencies: [
                "Pipelines", "Destinations", "Connectors", "Control", "Exports", "EventStore", "Journal", "DuckDB",
                "Model",
                logging,
            ]),
        .testTarget(
            name: "ServerTests",
            dependencies: [
                "Server", "Control", "Collect", "Journal", "Model", "Codecs", logging, nio, nioHTTP,
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

// A short edit-and-test loop: `SLUICE_ONLY=JournalTests swift test` builds that target and what it needs, nothing else.
if let only = Context.environment["SLUICE_ONLY"] {
    var wanted = Set(only.split(separator: ",").map(String.init))
    var before = -1
    while wanted.count != before {
        before = wanted.count
        for target in package.targets where wanted.contains(target.name) {
            for dependency in target.dependencies {
                if case .byNameItem(let name, _) = dependency { wanted.insert(name) }
            }
        }
    }
    package.targets.removeAll { !wanted.contains($0.name) }
    package.products.removeAll { !wanted.contains($0.name) }
}

// Tests in the release configuration look inside the rooms, which debug builds always allow. The program is built without.
// With it, `sluice serve --clock test` has a clock that tests set ahead.
let testable =
    Context.environment["SLUICE_TESTABLE"] == nil
    ? [] : [SwiftSetting.unsafeFlags(["-enable-testing"]), .define("TEST_CLOCK")]

for target in package.targets where !["CDuckDB", "CCodecs", "CPostgres", "CCurl", "CSpawn"].contains(target.name) {
    target.swiftSettings =
        (target.swiftSettings ?? []) + [
            .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"), .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
            .strictMemorySafety(), .treatAllWarnings(as: .error),
        ] + testable
}
