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
        case "person": return personHolds(condition, person)
        case "sequence": return isInOrder(condition, person, asOf)
        case "did_not":
            let never = JSONValue.object(members.map { $0.key == "did_not" ? .init("did", $0.value) : $0 })
            return !did(never, person, asOf)
        default: return did(condition, person, asOf)
        }
    }

    private func personHolds(_ condition: JSONValue, _ person: Set<String>) -> Bool {
        let name = condition["person"]?.stringValue ?? ""
        let ofPerson = changes.filter { person.contains($0.identity) && $0.name == name }
            .sorted { ($0.time, $0.seq) < ($1.time, $1.seq) }
        let values = ofPerson.map(\.value).filter { $0 != .null }
        switch condition["at"]?.stringValue ?? "last" {
        case "last": return passes(condition, ofPerson.last?.value ?? .null)
        case "first": return passes(condition, values.first ?? .null)
        case "ever":
            if condition["exists"] == false { return values.isEmpty }
            return values.contains { passes(condition, $0) }
        case let text:
            guard let moment = WrittenTime(text)?.timestamp().microseconds else { return false }
            return passes(condition, ofPerson.last { $0.time <= moment }?.value ?? .null)
        }
    }

    /// Every chain of events is tried.
    private func isInOrder(_ condition: JSONValue, _ person: Set<String>, _ asOf: Int64) -> Bool {
        let steps = condition["sequence"]?.arrayValue ?? []
        let all = steps.map { names($0["event"] ?? .null) }
        // No name stands in two steps.
        let isDisjoint = all.indices.allSatisfy { i in
            all.indices.allSatisfy { j in i == j || Set(all[i]).isDisjoint(with: all[j]) }
        }
        let (from, to) = window(condition, asOf)
        let longest = condition["window"]?.stringValue.map { (Int64($0.dropLast()) ?? 0) * 1_000_000 }
        let mine = events.filter { person.contains($0.identity) && $0.time >= from && $0.time < to }
        func goesOn(_ step: Int, after last: Event?, since start: Int64) -> Bool {
            if step == steps.count { return true }
            return mine.contains { event in
                guard all[step].contains(event.name),
                    steps[step]["where"].map({ holds($0, person, event: event, asOf: asOf) }) ?? true
                else { return false }
                guard let last else { return goesOn(step + 1, after: event, since: event.time) }
                let isLater = isDisjoint ? event.time >= last.time : (event.time, event.seq) > (last.time, last.seq)
                guard isLater, longest.map({ event.time - start <= $0 }) ?? true else { return false }
                return goesOn(step + 1, after: event, since: start)
            }
        }
        return goesOn(0, after: nil, since: 0)
    }

    private func window(_ condition: JSONValue, _ asOf: Int64) -> (from: Int64, to: Int64) {
        var (from, to) = (Int64.min, Int64.max)
        switch condition["within"] {
        case .string(let text)?: (from, to) = (asOf - (Int64(text.dropLast()) ?? 0) * 1_000_000, asOf)
        case let range?:
            from = range["from"]?.stringValue.flatMap(WrittenTime.init)?.timestamp().microseconds ?? from
            to = range["to"]?.stringValue.flatMap(WrittenTime.init)?.timestamp().microseconds ?? to
        case nil: break
        }
        return (from, to)
    }

    private func did(_ condition: JSONValue, _ person: Set<String>, _ asOf: Int64) -> Bool {
        let such = events.filter { event in
            person.contains(event.identity) && names(condition["did"] ?? .null).contains(event.name)
                && (condition["where"].map { holds($0, person, event: event, asOf: asOf) } ?? true)
        }
        let (from, to) = window(condition, asOf)
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
        if let other = test["is_not"] { return value != other }
        if let limit = test["gte"]?.intValue { return value.intValue.map { $0 >= limit } ?? false }
        if let wanted = test["exists"]?.boolValue { return (value != .null) == wanted }
        return false
    }

    private func elements(_ member: JSONValue.Member) -> [JSONValue] { member.value.arrayValue ?? [] }

    private func names(_ value: JSONValue) -> [String] {
        value.stringValue.map { [$0] } ?? (value.arrayValue ?? []).compactMap(\.stringValue)
    }
}
