public import Model

/// A place that messages go to. One file, and one line in `ConnectorRegistry.builtin`; it knows nothing of what made the message.
public protocol Connector: Sendable {
    /// The noun of the service, in lower case.
    static var kind: String { get }
    static var fields: [Field] { get }
    static var capabilities: Capabilities { get }

    init(_ settings: Settings, _ tools: ConnectorTools) throws(ConnectorError)
    /// Proves that the settings work, without delivering anything.
    func check() async throws(ConnectorError)
    /// Delivers once. The message's id is the same whenever it is delivered again.
    func deliver(_ message: OutboundMessage) async -> OutboundResult
}

/// What connectors work with; tests put others in their place.
public struct ConnectorTools: Sendable {
    public let http: any OutboundSending
    public let mail: any MailSending
    public let policy: OutboundPolicy
    /// The time of day in seconds since 1970.
    public let seconds: @Sendable () -> Int64

    public init(
        http: any OutboundSending, mail: any MailSending, policy: OutboundPolicy,
        seconds: @escaping @Sendable () -> Int64
    ) {
        self.http = http
        self.mail = mail
        self.policy = policy
        self.seconds = seconds
    }
}

/// What is delivered: bytes that were made once, under an id.
public struct OutboundMessage: Sendable, Equatable {
    public let id: String
    public let type: String
    public let body: [UInt8]
    /// How many triggers led to it; 0 for what none has caused.
    public let depth: Int64

    public init(id: String, type: String, body: [UInt8], depth: Int64 = 0) {
        self.id = id
        self.type = type
        self.body = body
        self.depth = depth
    }
}

/// All kinds of connectors.
public struct ConnectorRegistry: Sendable {
    public let types: [any Connector.Type]

    /// A kind that is there twice is a fault of the program.
    public init(_ types: [any Connector.Type]) {
        precondition(Set(types.map { $0.kind }).count == types.count, "a kind of connector is listed twice")
        self.types = types
    }

    public var kinds: [String] { types.map { $0.kind } }

    /// Makes a connector from its settings.
    public func make(
        _ kind: String, _ settings: JSONValue, secrets: SecretResolver, tools: ConnectorTools
    ) throws(ConnectorError) -> any Connector {
        guard let type = types.first(where: { $0.kind == kind }) else {
            throw ConnectorError(
                .unknownKind, "there is no connector \"\(kind)\"; there are \(kinds.joined(separator: ", "))")
        }
        return try type.init(try Settings(settings, fields: type.fields, secrets: secrets), tools)
    }
}

extension ConnectorRegistry {
    /// To add a connector, write its file and add its line here.
    public static let builtin = ConnectorRegistry([
        WebhookConnector.self,
        HTTPConnector.self,
        SlackConnector.self,
        EmailConnector.self,
    ])
}
