internal import DuckDB
public import Model

/// Persons and all that names them, looked up once, so that many pages of what is theirs can be read.
public struct PersonCircle: Sendable {
    public struct Identity: Sendable {
        public let text: String
        /// The `seq` of the first item that named it.
        public let firstSeq: Int64
        public let person: PersonID
        let id: Int64
    }

    /// In the order of the persons, and of each in the order in which they first appeared.
    public let identities: [Identity]
    let members: Members
    private let byID: [Int64: Identity]

    init(_ identities: [Identity]) {
        self.identities = identities
        members = Members(all: identities.map { Members.Member(id: $0.id, text: $0.text, firstSeq: $0.firstSeq) })
        byID = Dictionary(identities.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The persons, each once.
    public var persons: [PersonID] {
        identities.map(\.person).reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    /// The persons' identities as a value for the engine.
    var ids: DuckValue { .list(identities.map { .int($0.id) }) }

    func identity(_ id: Int64) -> Identity? { byID[id] }
}

/// Where a walk from the oldest to the newest goes on: after what was shown last.
public struct HistoryPlace: Sendable {
    let timestamp: Int64
    let seq: Int64
    let name: String

    /// Before everything.
    public static let start = HistoryPlace(timestamp: Timestamp.earliest.microseconds - 1, seq: 0, name: "")

    init(timestamp: Int64, seq: Int64, name: String) {
        self.timestamp = timestamp
        self.seq = seq
        self.name = name
    }

    /// After an event.
    public init(_ event: PersonEvent) {
        self.init(timestamp: event.timestamp.microseconds, seq: event.seq, name: "")
    }

    /// After a change.
    public init(_ change: PropertyChange) {
        self.init(timestamp: change.timestamp.microseconds, seq: change.seq, name: change.name)
    }
}
