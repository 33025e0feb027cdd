/// What an export or a list can carry.
public enum Dataset: String, Sendable, CaseIterable {
    case people
    case events
    case propertyChanges = "property_changes"
    case aliases
    case identities
    /// The answer of a report, or the people behind a number of it.
    case report

    /// The dataset of a name as people write it; `property-changes` and `property_changes` are one.
    public init(name: String, path: String = "dataset") throws(QueryError) {
        let plain = String(name.map { $0 == "-" ? "_" : $0 })
        guard let found = Dataset(rawValue: plain) else {
            let known = Dataset.allCases.map(\.rawValue).joined(separator: ", ")
            throw QueryError(.unknownDataset, at: path, "there is no dataset \"\(name)\"; there are \(known)")
        }
        self = found
    }

    /// The built-in columns, in the order in which they are listed.
    public var columns: [BuiltinColumn] {
        switch self {
        case .events: [.seq, .eventID, .personID, .identity, .event, .timestamp, .receivedAt, .properties]
        case .people: [.personID, .identities, .firstSeen, .lastSeen, .eventsTotal, .properties]
        case .propertyChanges: [.seq, .personID, .identity, .timestamp, .name, .value]
        case .aliases: [.seq, .timestamp, .identity, .other, .undoneSeq, .derived, .personID]
        case .identities: [.identity, .personID, .named, .firstSeq]
        // Its columns are those of its answer.
        case .report: []
        }
    }

    /// The columns that an export has when none are named. People come without their properties: what is known of a
    /// person leaves only where an export names it.
    public var defaultColumns: [BuiltinColumn] {
        switch self {
        case .people: [.personID, .identities, .firstSeen, .lastSeen, .eventsTotal]
        case .aliases: [.seq, .timestamp, .identity, .other, .undoneSeq]
        default: columns
        }
    }

    /// Whether rows have JSON properties of which `properties.<name>` picks one.
    public var hasProperties: Bool { self == .events || self == .people }
    /// Whether a row belongs to one person, so that `person.<name>` has a meaning.
    public var hasPerson: Bool { true }
    /// Whether rows have a time that `from` and `to` select by.
    public var hasTime: Bool { self != .identities && self != .report }
}

/// A column that the store has, by the name under which it leaves.
public enum BuiltinColumn: String, Sendable, CaseIterable {
    case seq
    case eventID = "event_id"
    case personID = "person_id"
    case identity
    case event
    case timestamp
    case receivedAt = "received_at"
    case properties
    case identities
    case firstSeen = "first_seen"
    case lastSeen = "last_seen"
    case eventsTotal = "events_total"
    case name
    case value
    case other
    case undoneSeq = "undone_seq"
    case derived
    case named
    case firstSeq = "first_seq"

    /// What its values are.
    public var type: ValueType {
        switch self {
        case .seq, .eventsTotal, .undoneSeq, .firstSeq: .bigint
        case .timestamp, .receivedAt, .firstSeen, .lastSeen: .timestamp
        case .derived, .named: .boolean
        case .identities: .list
        case .properties: .json
        case .value: .token
        case .eventID, .personID, .identity, .event, .name, .other: .text
        }
    }
}

/// What a column's values are. The raw value is the name in a manifest.
public enum ValueType: String, Sendable {
    case text
    case bigint
    case double
    /// Nine digits after the point, and as many before it as any sum needs.
    case decimal = "decimal(38,9)"
    case boolean
    case timestamp
    /// A JSON object.
    case json
    /// One JSON value of any type: its text in CSV and Parquet, the value itself in NDJSON.
    case token
    /// A list of texts.
    case list = "text[]"
}
