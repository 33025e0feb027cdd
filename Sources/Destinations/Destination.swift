public import Connectors
public import Model

/// A place that rows go to. One file, and one line in `DestinationRegistry.builtin`; it knows nothing of pipelines.
///
/// What is loaded comes as files that are whole and checked already. A load is all or nothing, and may be asked for again: under the
/// same run it changes nothing.
public protocol Destination: Sendable {
    /// The noun of the service, in lower case: `type` in a definition.
    static var kind: String { get }
    static var fields: [Field] { get }
    static var abilities: Abilities { get }

    init(_ settings: Settings, _ tools: DestinationTools) throws(ConnectorError)
    /// Where rows go, without secrets: what was loaded to one location counts for that location alone.
    var location: String { get }
    /// Whether the operator lets rows go there, as far as that is known without going there. Blocks.
    func foresee() throws(ConnectorError)
    /// Proves that the settings work, without loading anything.
    func check() async throws(ConnectorError)
    /// How far the loads of a stream are there by the destination's own account.
    func position(_ stream: LoadStream) async throws(ConnectorError) -> LoadPosition
    /// Loads a batch.
    func load(_ batch: LoadBatch) async throws(ConnectorError) -> LoadReceipt
    /// Reads back what was loaded.
    func verify(_ batch: LoadBatch, _ receipt: LoadReceipt) async throws(ConnectorError) -> LoadVerification
    /// How somebody is forgotten here.
    static var forgetting: Forgetting { get }
    /// Where rows are found by what they hold: removes those of persons.
    func erase(_ erasure: RowErasure) async throws(ConnectorError) -> ErasedRows
    /// Where files are kept: the manifests of a stream's. Loading a window again writes its file anew.
    func windows(_ stream: LoadStream) async throws(ConnectorError) -> [JSONValue]
    /// Where files are kept: brings the file that a batch was loaded as to a path.
    func fetch(_ batch: LoadBatch, to path: String) async throws(ConnectorError) -> FetchedWindow
    /// Where files are kept: puts a batch's manifest in the place of the one that is there; its file stays as it is.
    func remark(_ batch: LoadBatch) async throws(ConnectorError)
    /// Says beside what was loaded last whether something newer failed to come.
    func mark(_ stream: LoadStream, isStale: Bool) async throws(ConnectorError)
    /// Settings as answers show them: without what may be a secret.
    static func shown(_ settings: JSONValue) -> JSONValue
    /// The name of a setting that holds a secret in plain text; nil if there is none.
    static func plainSecret(_ settings: JSONValue) -> String?
}

extension Destination {
    public func foresee() throws(ConnectorError) {}

    public static func plainSecret(_ settings: JSONValue) -> String? { Field.plainSecret(settings, fields) }
}

/// How rows get into what is there already.
public enum LoadMode: String, Sendable, CaseIterable {
    /// Rows are added.
    case append
    /// Rows with the same key are replaced, others added.
    case upsert
    /// Rows with the same key are removed.
    case delete
    /// Everything that is there goes.
    case replace
}

/// What a destination can do, as data, so that nothing above asks which one it is.
public struct Abilities: Sendable, Equatable {
    public var modes: Set<LoadMode>
    /// The formats of files that it takes; the first one if nobody says which.
    public var formats: [String]
    /// Whether files may be packed.
    public var takesCompression: Bool
    /// Whether it needs columns of types that it knows, and so can have its schema changed.
    public var hasSchema: Bool
    /// What its JSON has a place for.
    public var json: JSONLimits
    /// Whether rows are sent in pieces that are cut by their `seq`, so that lines need it.
    public var cutsBySeq: Bool

    public init(
        modes: Set<LoadMode>, formats: [String], takesCompression: Bool, hasSchema: Bool, json: JSONLimits = .files,
        cutsBySeq: Bool = false
    ) {
        self.cutsBySeq = cutsBySeq
        self.json = json
        self.modes = modes
        self.formats = formats
        self.takesCompression = takesCompression
        self.hasSchema = hasSchema
    }
}

/// What destinations work with.
public struct DestinationTools: Sendable {
    public var http: any OutboundSending
    public var policy: OutboundPolicy
    public var resolver: any Resolving
    /// The folders below which files may be written.
    public var roots: FolderRoots
    /// Sends mail; nil where none is sent.
    public var mail: (any MailSending)?
    /// Gives files out by links; nil where none are.
    public var shelf: FileShelf?
    /// What was sent to where it cannot be read back.
    public var ledger: SentLedger
    /// The time of day in seconds since 1970, as other services know it.
    public var seconds: @Sendable () -> Int64
    /// Tells the operator what is allowed but not good, such as a password that crosses the machine in plain text.
    public var warn: @Sendable (String) -> Void

    public init(
        http: any OutboundSending, policy: OutboundPolicy, resolver: any Resolving, roots: FolderRoots,
        mail: (any MailSending)? = nil, shelf: FileShelf? = nil, ledger: SentLedger? = nil,
        seconds: @escaping @Sendable () -> Int64 = SystemTime.seconds,
        warn: @escaping @Sendable (String) -> Void
    ) {
        self.http = http
        self.policy = policy
        self.resolver = resolver
        self.roots = roots
        self.mail = mail
        self.shelf = shelf
        self.ledger = ledger ?? SentLedger(folder: roots.own + "/.sent")
        self.seconds = seconds
        self.warn = warn
    }
}

/// All kinds of destinations.
public struct DestinationRegistry: Sendable {
    public let types: [any Destination.Type]

    /// A kind that is there twice is a fault of the program.
    public init(_ types: [any Destination.Type]) {
        precondition(Set(types.map { $0.kind }).count == types.count, "a kind of destination is listed twice")
        self.types = types
    }

    /// To add a destination, write its file and add its line here.
    public static let builtin = DestinationRegistry([
        FolderDestination.self,
        PostgresDestination.self,
        DuckDBDestination.self,
        HTTPDestination.self,
        S3Destination.self,
        SFTPDestination.self,
        EmailDestination.self,
        SlackDestination.self,
        SheetsDestination.self,
    ])

    public var kinds: [String] { types.map { $0.kind } }

    public func type(_ kind: String) throws(ConnectorError) -> any Destination.Type {
        guard let type = types.first(where: { $0.kind == kind }) else {
            throw ConnectorError(
                .unknownKind, "there is no destination \"\(kind)\"; there are \(kinds.joined(separator: ", "))")
        }
        return type
    }

    /// Makes a destination from its settings; secrets are resolved now and kept as long as it lives.
    public func make(
        _ settings: JSONValue, secrets: SecretResolver, tools: DestinationTools
    ) throws(ConnectorError) -> any Destination {
        let type = try type(settings["type"]?.stringValue ?? "")
        return try type.init(
            try Settings(SettingsCheck.plain(settings, type.fields), fields: type.fields, secrets: secrets), tools)
    }

    /// Settings of any kind as answers show them; nothing of what is of no kind that is known.
    public func shown(_ settings: JSONValue) -> JSONValue {
        guard let kind = settings["type"]?.stringValue, let type = types.first(where: { $0.kind == kind }) else {
            return ["type": settings["type"] ?? .null]
        }
        return type.shown(settings)
    }

    /// Checks settings as far as that goes without secrets, names and networks.
    public func check(_ settings: JSONValue) throws(ConnectorError) {
        let type = try type(settings["type"]?.stringValue ?? "")
        try SettingsCheck.check(settings, type.fields, plainSecret: type.plainSecret(settings))
    }
}
