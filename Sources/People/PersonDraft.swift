internal import Model

/// A person while its parts come together.
struct PersonDraft {
    var identities: [String] = []
    var properties: [UInt8] = [0x7b]
    var firstSeen: Timestamp?
    var lastSeen: Timestamp?
    var eventsTotal: Int64 = 0

    mutating func add(_ name: [UInt8], _ value: [UInt8]) {
        guard value != Array("null".utf8) else { return }
        if properties.count > 1 { properties.append(0x2c) }
        JSONText.appendString(name.span, to: &properties)
        properties.append(0x3a)
        properties.append(contentsOf: value)
    }

    func person(_ id: PersonID) -> Person {
        Person(
            id: id, identities: identities, properties: properties + [0x7d], firstSeen: firstSeen, lastSeen: lastSeen,
            eventsTotal: eventsTotal)
    }
}
