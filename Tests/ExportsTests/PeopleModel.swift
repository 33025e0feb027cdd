import Model

/// Who did what, kept and asked in the plainest way: no SQL, no numbers of identities, nothing remembered.
///
/// Conditions are read from their JSON here, apart from the program's own reading.
struct PeopleModel {
    struct Event {
        let seq: Int64
        let identity: String
        let name: String
        let time: Int64
        let properties: JSONValue
    }

    struct Change {
        let seq: Int64
        let identity: String
        let time: Int64
        let name: String
        let value: JSONValue
    }

    struct Alias {
        let seq: Int64
        let identity: String
        let other: String
    }

    private(set) var events: [Event] = []
    private(set) var changes: [Change] = []
    private(set) var aliases: [Alias] = []
    private var identities: [String] = []
    private var pairs: [Set<String>] = []

    /// What is known after the first `seq` of `items`, which have the numbers 1, 2, …
    init(_ items: [Item], asOf seq: Int64) throws {
        for (i, item) in items.prefix(Int(seq)).enumerated() {
            let number = Int64(i + 1)
            let identity = String(decoding: item.identity, as: UTF8.self)
            let name = String(decoding: item.name, as: UTF8.self)
            let time = item.timestamp.microseconds
            switch item.kind {
            case .event:
                let properties = try JSONValue(Array(item.properties).span)
                events.append(
                    Event(seq: number, identity: identity, name: name, time: time, properties: properties))
            case .set:
                guard case .object(let members) = try JSONValue(Array(item.properties).span) else { continue }
                for member in members {
                    changes.append(
                        Change(seq: number, identity: identity, time: time, name: member.key, value: member.value))
                }
            case .alias:
                let other = String(decoding: item.other, as: UTF8.self)
                aliases.append(Alias(seq: number, identity: identity, other: other))
                pairs.append([identity, other])
                if !identities.contains(other) { identities.append(other) }
            default:
                // An undo names the alias by its seq, and unties the pair.
                guard let alias = aliases.first(where: { String($0.seq) == name }) else { continue }
                pairs.removeAll { $0 == [alias.identity, alias.other] }
                continue
            }
            if !identities.contains(identity) { identities.append(identity) }
        }
    }

    /// All identities of the person who has this one.
    func person(of identity: String) -> Set<String> {
        var person: Set<String> = [identity]
        while let next = pairs.first(where: { !$0.isDisjoint(with: person) && !$0.isSubset(of: person) }) {
            person.formUnion(next)
        }
        return person
    }

    var people: Set<Set<String>> { Set(identities.map(person(of:))) }
    var allIdentities: [String] { identities }

    /// The times of the events of a name, of all the person's identities.
    func times(_ person: Set<String>, _ name: String) -> [Int64] {
        events.filter { person.contains($0.identity) && $0.name == name }.map(\.time)
    }

    // MARK: Conditions

    /// Whether a condition holds of a person, or of an event of that person.
    func holds(_ condition: JSONValue, _ person: Set<String>, event: Event? = nil, asOf: Int64) -> Bool {
        guard case .object(let members) = condition, let first = members.first else { return false }
        switch first.key {
        case "all": return elements(first).allSatisfy { holds($0, person, event: event, asOf: asOf) }
        case "any": return elements(first).contains { holds($0, person, event: event, asOf: asOf) }
        case "not": return !holds(first.value, person, event: event, asOf: asOf)
        case "event":
            if let event { return names(first.value).contains(event.name) }
            return events.contains { person.contains($0.identity) && names(first.value).contains($0.name) }
        case "property":
            guard let event else { return false }
            return passes(condition, event.properties[first.value.stringValue ?? ""] ?? .null)
        case "person":
            let name = first.value.stringValue ?? ""
            let ofPerson = changes.filter { person.contains($0.identity) && $0.name == name }
            return passes(condition, ofPerson.max { ($0.time, $0.seq) < ($1.time, $1.seq) }?.value ?? .null)
        default: return did(condition, person, asOf)
        }
    }

    private func did(_ condition: JSONValue, _ person: Set<String>, _ asOf: Int64) -> Bool {
        let such = events.filter { event in
            person.contains(event.identity) && names(condition["did"] ?? .null).contains(event.name)
                && (condition["where"].map { holds($0, person, event: event, asOf: asOf) } ?? true)
        }
        var (from, to) = (Int64.min, Int64.max)
        switch condition["within"] {
        case .string(let text)?: (from, to) = (asOf - (Int64(text.dropLast()) ?? 0) * 1_000_000, asOf)
        case let range?:
            from = range["from"]?.stringValue.flatMap(WrittenTime.init)?.timestamp().microseconds ?? from
            to = range["to"]?.stringValue.flatMap(WrittenTime.init)?.timestamp().microseconds ?? to
        case nil: break
        }
        let inside = such.filter { $0.time >= from && $0.time < to }
        if condition["first_ever"] == true {
            guard let earliest = such.map(\.time).min(), earliest >= from, earliest < to else { return false }
        }
        let count = Int64(inside.count)
        let (least, most) = (condition["at_least"]?.intValue, condition["at_most"]?.intValue)
        if let exactly = condition["exactly"]?.intValue { return count == exactly }
        if least == nil, most == nil { return count > 0 }
        return count >= least ?? 0 && count <= most ?? .max
    }

    private func passes(_ test: JSONValue, _ value: JSONValue) -> Bool {
        if let wanted = test["is"] { return value == wanted }
        if let limit = test["gte"]?.intValue { return value.intValue.map { $0 >= limit } ?? false }
        if let wanted = test["exists"]?.boolValue { return (value != .null) == wanted }
        return false
    }

    private func elements(_ member: JSONValue.Member) -> [JSONValue] { member.value.arrayValue ?? [] }

    private func names(_ value: JSONValue) -> [String] {
        value.stringValue.map { [$0] } ?? (value.arrayValue ?? []).compactMap(\.stringValue)
    }
}
