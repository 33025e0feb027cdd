internal import EventStore
public import Model

/// An item of the journal as the rules look at it.
public struct TriggerItem: Sendable {
    public enum Kind: Sendable, Equatable {
        case event
        case set
        /// Ties its identity to another.
        case alias(other: String, isDerived: Bool)
        /// Takes what ties its identity to another back.
        case undo(other: String)
    }

    /// What a rule must know of the time before it was made.
    public struct Prior: Sendable, Equatable {
        /// The person's properties: a JSON object.
        public var properties: JSONValue = .object([])
        /// Whether the person was known.
        public var isKnown = false

        public init() {}
    }

    public let kind: Kind
    public let seq: Int64
    public let identity: String
    public let eventID: String
    public let name: String
    public let at: Timestamp
    public let receivedAt: Timestamp
    /// A JSON object as it is stored.
    public let properties: [UInt8]
    public var isImport = false
    /// Whether it says who the identity is.
    public var identifies = false
    /// Whether an event's properties are the person's, too.
    public var setsProperties = false
    /// The number of the person that the store has for it; nil if that is not known yet.
    public var person: Int64?
    public var prior: Prior?
    /// What it is to the rules.
    public var interests: [TriggerRules.Interest] = []

    public init(
        kind: Kind, seq: Int64, identity: String, eventID: String = "", name: String = "", at: Timestamp,
        receivedAt: Timestamp, properties: [UInt8] = []
    ) {
        self.kind = kind
        self.seq = seq
        self.identity = identity
        self.eventID = eventID
        self.name = name
        self.at = at
        self.receivedAt = receivedAt
        self.properties = properties
    }

    /// Notes what it is to the rules. False if nobody wants it: then it need not be evaluated.
    public mutating func match(_ rules: TriggerRules) -> Bool {
        interests = []
        if kind == .event {
            let properties = properties
            let entries = rules.entries(name, properties.span)
            if !entries.isEmpty {
                let event = MatchedEvent(name: name, properties: properties)
                // What ends a wait counts whenever it came: the wait may be older than when its trigger was enabled again.
                for (interest, test) in entries where interest.role == .ends || rules.rules[interest.rule].since < seq {
                    if test.condition?.holds(of: event) ?? true { interests.append(interest) }
                }
            }
        }
        if rules.looksAtPeople { matchPeople(rules) }
        switch kind {
        case .alias, .undo: return true
        case .event, .set: return !interests.isEmpty || rules.hasWatches && depth > 0
        }
    }

    private mutating func matchPeople(_ rules: TriggerRules) {
        if kind == .set || (kind == .event && setsProperties), case .object(let members)? = document {
            // What was so before a rule began is noted, and starts nothing.
            for member in members { interests += rules.interests(property: member.key) }
        }
        let ties = if case .alias = kind { true } else { false }
        if identifies || ties { interests += rules.personInterests }
    }

    /// The properties as a tree; nil if they are none.
    var document: JSONValue? {
        let bytes = properties
        return bytes.isEmpty ? .object([]) : try? JSONValue(bytes.span)
    }

    /// Whether what is known of the time before the rules matters.
    public var needsPrior: Bool { interests.contains { $0.role == .sets || $0.role == .identifies } }

    /// How many triggers have led to it, as whoever writes events back says.
    public var depth: Int64 {
        guard kind == .event || kind == .set else { return 0 }
        let properties = properties
        return Self.depth(in: properties.span)
    }

    /// The same of properties as they are stored.
    public static func depth(in properties: Span<UInt8>) -> Int64 {
        guard properties.count > 16 else { return 0 }
        let key = Array(TriggerEngine.depthProperty.utf8)
        guard let place = PropertyText.token(of: key.span, in: properties) else { return 0 }
        return Int64(String(utf8: properties.extracting(place))) ?? 0
    }

    /// The event as the API shows it.
    public func eventJSON(person: Int64?) -> [UInt8] {
        var out: [UInt8] = []
        EventJSON.open(
            seq: seq, eventID: Array(eventID.utf8), identity: Array(identity.utf8),
            person: person.map { PersonID($0) }, name: Array(name.utf8), at: at, receivedAt: receivedAt,
            properties: properties, to: &out)
        out.append(0x7d)
        return out
    }
}

/// An event's document: `{seq, event_id, identity, person_id, event, timestamp, received_at, properties}`.
public enum EventJSON {
    /// Appends it without its last brace, so that more can follow.
    public static func open(
        seq: Int64, eventID: [UInt8], identity: [UInt8], person: PersonID?, name: [UInt8], at: Timestamp,
        receivedAt: Timestamp, properties: [UInt8], to out: inout [UInt8]
    ) {
        out.reserveCapacity(out.count + properties.count + 256)
        out += Array("{\"seq\":\(seq),\"event_id\":".utf8)
        JSONText.appendString(eventID.span, to: &out)
        out += Array(",\"identity\":".utf8)
        JSONText.appendString(identity.span, to: &out)
        out += Array(",\"person_id\":".utf8)
        out += Array((person.map { "\"\($0.text)\"" } ?? "null").utf8)
        out += Array(",\"event\":".utf8)
        JSONText.appendString(name.span, to: &out)
        out += Array(",\"timestamp\":\"".utf8)
        at.write(to: &out)
        out += Array("\",\"received_at\":\"".utf8)
        receivedAt.write(to: &out)
        out += Array("\",\"properties\":".utf8)
        if properties.isEmpty { out += Array("{}".utf8) } else { JSONText.appendCompact(properties.span, to: &out) }
    }
}
