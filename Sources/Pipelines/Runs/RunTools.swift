public import Connectors
public import Control
public import Destinations
public import EventStore
public import Exports
public import Logging
public import Model

/// What runs work with; tests put others in their place.
public struct RunTools: Sendable {
    public var control: ControlStore
    public var registry: DestinationRegistry
    public var destinations: DestinationTools
    public var dbt: DbtTools
    /// Finds secrets for pipelines that came by a key.
    public var secrets: SecretResolver
    /// Finds secrets for pipelines that came from the owner of the data folder, who can read what the server can.
    public var ownerSecrets: SecretResolver
    /// The project's store and what belongs to it; nil if there is none.
    public var project: @Sendable (String) -> PipelineProject?
    public var now: @Sendable () -> Timestamp
    /// The server's start.
    public var boot: String
    public var logger: Logger

    public init(
        control: ControlStore, registry: DestinationRegistry = .builtin, destinations: DestinationTools,
        dbt: DbtTools = DbtTools(), secrets: SecretResolver, ownerSecrets: SecretResolver,
        project: @escaping @Sendable (String) -> PipelineProject?, now: @escaping @Sendable () -> Timestamp,
        boot: String, logger: Logger
    ) {
        self.control = control
        self.registry = registry
        self.destinations = destinations
        self.dbt = dbt
        self.secrets = secrets
        self.ownerSecrets = ownerSecrets
        self.project = project
        self.now = now
        self.boot = boot
        self.logger = logger
    }

    /// A destination, with its secrets resolved; blocks for those of files.
    public func destination(
        _ settings: JSONValue, isTrusted: Bool
    ) throws(ConnectorError) -> any Destination {
        try registry.make(settings, secrets: isTrusted ? ownerSecrets : secrets, tools: destinations)
    }

    /// The settings of a pipeline's destination, and whether they may use the owner's secrets.
    public func settings(
        of definition: PipelineDefinition, project: String, isTrusted: Bool
    ) async throws -> (settings: JSONValue, isTrusted: Bool) {
        switch definition.load.target {
        case .inline(let settings): return (settings, isTrusted)
        case .named(let name):
            guard let found = try await control.destination(name, project: project) else {
                throw PipelineError(
                    .badDefinition,
                    "there is no destination \"\(name)\"; define it under \"destinations\" and apply that file")
            }
            do { try definition.check(try registry.type(found.settings["type"]?.stringValue ?? "")) } catch {
                throw PipelineError(.badDefinition, error.message)
            }
            return (found.settings, found.isTrusted)
        }
    }
}

/// One project, as far as runs need it.
public struct PipelineProject: Sendable {
    public let store: EventStore
    /// Where files of runs lie until they are loaded.
    public let folder: String
    /// Pins what is durable now, and waits until queries see it.
    public let pin: @Sendable () async throws -> Int64
    /// The highest `seq` that is durable now; costs nothing.
    public let durable: @Sendable () -> Int64
    /// The specification of an export, with saved segments and computed columns in the place of their names.
    public let spec: @Sendable (JSONValue, Timestamp) async throws -> ExportSpec

    public init(
        store: EventStore, folder: String, pin: @escaping @Sendable () async throws -> Int64,
        durable: @escaping @Sendable () -> Int64 = { 0 },
        spec: @escaping @Sendable (JSONValue, Timestamp) async throws -> ExportSpec
    ) {
        self.store = store
        self.folder = folder
        self.pin = pin
        self.durable = durable
        self.spec = spec
    }
}
