public import EventStore
public import Model

/// A person as the store knows it now.
public struct Person: JSONWritable, Equatable {
    public let id: PersonID
    /// All identities tied together, in the order in which they first appeared.
    public let identities: [String]
    /// The current properties: a JSON object whose values are the tokens as they were sent, names in byte order.
    public let properties: [UInt8]
    /// When the earliest event happened; nil without events.
    public let firstSeen: Timestamp?
    /// When the latest event happened; nil without events.
    public let lastSeen: Timestamp?
    public let eventsTotal: Int64

    /// `{"id","identities","properties","first_seen","last_seen","events_total"}`.
    public func write(to out: inout [UInt8]) {
        out.append(utf8: "{\"id\":")
        out.append(json: id.text)
        out.append(utf8: ",\"identities\":[")
        for (i, identity) in identities.enumerated() {
            if i > 0 { out.append(0x2c) }
            out.append(json: identity)
        }
        out.append(utf8: "],\"properties\":")
        out.append(contentsOf: properties)
        out.append(utf8: ",\"first_seen\":")
        out.append(json: firstSeen)
        out.append(utf8: ",\"last_seen\":")
        out.append(json: lastSeen)
        out.append(utf8: ",\"events_total\":")
        out.append(json: eventsTotal)
        out.append(0x7d)
    }
}

extension Person {
    /// A person that was found without the engine; nil if its properties have to be read.
    public init?(_ known: PersonIndex.Known) {
        switch known.properties {
        case .none: self.init(known, properties: Array("{}".utf8))
        case .object(let properties): self.init(known, properties: properties)
        case .unknown: return nil
        }
    }

    init(_ known: PersonIndex.Known, properties: [UInt8]) {
        self.init(
            id: PersonID(known.person), identities: known.identities.map(\.text), properties: properties,
            firstSeen: known.activity.map { Timestamp(microseconds: $0.first) },
            lastSeen: known.activity.map { Timestamp(microseconds: $0.last) }, eventsTotal: known.activity?.count ?? 0)
    }
}

/// What a person's id leads to.
public enum PersonAnswer: Sendable, Equatable {
    case person(Person)
    /// The person was merged into an older one, which stands.
    case moved(to: PersonID)
    /// Nobody ever had this id.
    case unknown
}

/// Whether a person's id stands.
public enum PersonStanding: Sendable, Equatable {
    case here
    /// The person was merged into an older one.
    case moved(to: PersonID)
    case unknown
}
