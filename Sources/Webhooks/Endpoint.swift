internal import Connectors
public import Model

/// What an endpoint is to receive, and how. Its secrets are kept apart.
public struct EndpointDefinition: Sendable, Equatable {
    /// How much a message says.
    public enum Payload: String, Sendable, CaseIterable {
        case full
        /// Ids and type alone: nothing personal leaves.
        case thin
    }

    /// In which order messages go out.
    public enum Order: String, Sendable, CaseIterable {
        case none
        /// A person's messages one after another; the next one waits until the one before is done with.
        case person
    }

    /// How events reach it.
    public enum Mode: String, Sendable, CaseIterable {
        /// Each by itself, out of the outbox.
        case messages
        /// All in their order, many at once, from where it stands; nothing of it is in the outbox.
        case stream
    }

    /// What is told of the person besides the event.
    public enum Include: String, Sendable, CaseIterable {
        case properties
        case identities
        case segments
        case computed
    }

    public var url: String
    /// What people and files call it; one endpoint's alone.
    public var name: String?
    /// Names of events, types of messages, or `*` for every event; empty for what triggers send alone.
    public var events: [String] = []
    /// What is asked of each event, as it was written; nil for nothing.
    public var condition: JSONValue?
    public var description = ""
    public var payload = Payload.full
    public var mode = Mode.messages
    /// The most events of a stream's batch.
    public var batch: Int64 = 100
    public var include: [Include] = []
    public var order = Order.none
    public var rate: EndpointRate?
    /// Attempts at once.
    public var concurrency: Int64 = 8
    public var retry = RetrySchedule.standard
    /// Seconds for one attempt.
    public var timeout: Int64 = 15
    /// What a message says instead, with marks for parts of it; nil for all of it.
    public var body: String?
    /// Whether an answer such as 404 ends a message at once.
    public var finalClientErrors = false

    public init(url: String) { self.url = url }

    static let all = "*"
    /// Types of messages that are none of an event.
    public static let ownTypes = [
        "endpoint.failing", "endpoint.disabled", "endpoint.recovered", "message.exhausted", "trigger.fired",
        "trigger.retracted", "trigger.recovered", "trigger.paused", "person.identified", "pipeline.failed",
        "pipeline.stale",
        "pipeline.skipped", "pipeline.missed", "pipeline.late", "pipeline.freshness", "pipeline.volume",
        "pipeline.recovered",
    ]
    /// The same by their families.
    private static let ownFamilies: Set<String> = ["endpoint.*", "message.*", "trigger.*", "person.*", "pipeline.*"]

    /// Whether it receives any event that is collected.
    public var listens: Bool { mode == .messages && hearsEvents }

    var hearsEvents: Bool { events.contains { !Self.ownTypes.contains($0) && !Self.ownFamilies.contains($0) } }

    /// Whether a project's events are looked at because of it.
    public var isFollowed: Bool { listens || receives(type: "person.identified") }

    /// Whether it receives messages of a type that is none of an event.
    func receives(type: String) -> Bool {
        events.contains { $0 == type || ($0.hasSuffix(".*") && type.hasPrefix($0.dropLast())) }
    }

    /// The form of the bytes: endpoints with the same share them.
    var variant: String { payload.rawValue + include.map { "+\($0.rawValue)" }.joined() + bodyVariant }

    /// Which body it has of its own, in a few characters.
    var bodyVariant: String {
        guard let bytes = body.map({ Array($0.utf8) }) else { return "" }
        let hash = Hash128(bytes.span)
        return "+body:" + Base32.encode(hash.high) + Base32.encode(hash.low)
    }

    /// A message in the form that it is to have; nil if it would be longer than is sent.
    public func formed(_ message: [UInt8]) -> [UInt8]? {
        guard let body, let template = try? Template(body), let document = try? JSONValue(message.span) else {
            return message
        }
        return template.text(document).map { Array($0.utf8) }
    }
}

/// What an endpoint is, for the project's administrators: no secret, no header's value.
public struct EndpointRecord: Sendable, Equatable {
    /// How an endpoint came to be.
    public enum Kind: String, Sendable {
        case webhook
        /// Subscribed by a program (REST hooks); 410 removes it.
        case hook
        /// A trigger's action that is no endpoint: a connector of the registry.
        case action
    }

    public enum State: String, Sendable, CaseIterable {
        case active
        /// By somebody.
        case paused
        /// By what it answered, or since it failed for too long.
        case disabled
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let kind: Kind
    public let definition: EndpointDefinition
    /// The names of its own headers.
    public let headers: [String]
    /// Events after this `seq` are its.
    public let sinceSeq: Int64
    public let state: State
    public let reason: String?
    /// Where it is, without what may be a secret: paths and queries of such URLs open doors.
    var place: String { (try? OutboundURL(definition.url))?.origin ?? definition.url }
    /// A key's id, or `sluice`.
    public let changedBy: String
    public let stateAt: Timestamp
    public let health: EndpointHealth
    public let createdAt: Timestamp
    public let updatedAt: Timestamp
    /// How many secrets hold now.
    public let secrets: Int64
    /// When those before the newest end; nil if there are none.
    public let overlapEnds: Timestamp?
    /// Who is told of what becomes of it: a list as triggers have it, with settings that are secret hidden.
    public let notify: JSONValue
    /// Whether it is sent to with a certificate of ours.
    public let hasCertificate: Bool
    /// Whether what waits for it is being put in order, so that nothing is sent to it yet.
    public let isOrdering: Bool
}
