internal import EventStore
internal import Model

/// How long what is stored is kept: `[{"older_than": "400d"}, {"event": "Page Viewed", "older_than": "30d"}]`.
///
/// A rule without an event is for everything that has a time: events, values of properties that a newer one has replaced, and
/// refused inputs. A property's newest value stays, since it is still the person's.
struct RetentionRules: Sendable {
    struct Rule: Sendable {
        let event: String?
        let olderThan: String
        let microseconds: Int64
    }

    let rules: [Rule]

    init(json: JSONValue) throws(Problem) {
        guard let values = json.arrayValue, values.count <= 1_000 else { throw Self.problem("", "is a list of rules") }
        var rules: [Rule] = []
        for (place, value) in values.enumerated() {
            guard case .object(let members) = value else { throw Self.problem("[\(place)]", "is an object") }
            if let other = members.first(where: { !["event", "older_than"].contains($0.key) }) {
                throw Self.problem("[\(place)]", "has event and older_than, and no \"\(other.key.prefix(64))\"")
            }
            guard let text = value["older_than"]?.stringValue, let age = Durations.microseconds(text), age > 0 else {
                throw Self.problem("[\(place)].older_than", "is a duration such as 400d (s m h d w)")
            }
            let event = value["event"] ?? .null
            guard event == .null || event.stringValue.map({ !$0.isEmpty }) == true else {
                throw Self.problem("[\(place)].event", "is the name of an event")
            }
            guard !rules.contains(where: { $0.event == event.stringValue }) else {
                throw Self.problem("[\(place)]", "is a second rule for the same")
            }
            rules.append(Rule(event: event.stringValue, olderThan: text, microseconds: age))
        }
        self.rules = rules
    }

    private static func problem(_ place: String, _ what: String) -> Problem {
        .badRequest("\"rules\"\(place) \(what)", code: "invalid_retention")
    }

    var json: JSONValue {
        .array(
            rules.map { rule in
                var members: [JSONValue.Member] = []
                if let event = rule.event { members.append(.init("event", .string(event))) }
                members.append(.init("older_than", .string(rule.olderThan)))
                return .object(members)
            })
    }

    /// What goes as of a moment.
    func aged(at now: Timestamp) -> [Removal.Aged] {
        rules.map { rule in
            Removal.Aged(
                before: Timestamp(microseconds: now.microseconds - rule.microseconds), event: rule.event)
        }
    }
}
