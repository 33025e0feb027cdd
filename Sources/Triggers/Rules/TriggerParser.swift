internal import EventStore
public import Model

extension TriggerWhen {
    private static let kinds = [
        "event", "absent", "sequence", "count", "property", "new_person", "silence", "segment", "column", "report",
    ]

    /// Reads `when`. Errors name the node: `when.absent.within`.
    ///
    /// - Throws: `TriggerError`; `QueryError` with the path of a condition's node.
    public static func read(_ json: JSONValue, path: String = "when") throws -> (TriggerWhen, TriggerPolicy) {
        let node = try TriggerNode(json, path)
        let policy = try policy(node)
        let shared = ["cooldown", "max_age", "at_most"]
        if node["sequence"] != nil { return (.absence(try sequence(node, shared)), policy) }
        if node["absent"] != nil {
            try node.allow(
                ["event", "where", "absent", "correlate", "reentry", "grace", "retract", "late", "still"] + shared)
            return (.absence(try absence(node)), policy)
        }
        if let count = node["count"] {
            try node.allow(["count", "rearm"] + shared)
            return (.count(try self.count(TriggerNode(count, path + ".count"), node, policy)), policy)
        }
        if node["property"] != nil {
            try node.allow(["property", "from", "to"] + shared)
            return (.property(try property(node)), policy)
        }
        if let flag = node["new_person"] {
            try node.allow(["new_person"] + shared)
            guard flag == true else { throw node.error("new_person", "is true") }
            return (.newPerson, policy)
        }
        if let silence = node["silence"] {
            try node.allow(["silence"])
            let inner = try TriggerNode(silence, path + ".silence")
            try inner.allow(["event", "where", "for"])
            let test = inner["event"] == nil ? EventTest(names: []) : try events(inner)
            guard let length = try inner.length("for"), length > 0 else {
                throw inner.error("for", "is missing: for how long nothing came, such as 10m")
            }
            return (.silence(Silence(test: test, length: length)), policy)
        }
        if node["event"] != nil {
            try node.allow(["event", "where"] + shared)
            return (.event(try events(node)), policy)
        }
        if let watch = try watched(node) { return (.watched(watch), policy) }
        throw TriggerError(at: path, "needs one of \(kinds.map { "\"\($0)\"" }.joined(separator: ", "))")
    }

    private static func policy(_ node: TriggerNode) throws -> TriggerPolicy {
        var policy = TriggerPolicy()
        policy.cooldown = try node.length("cooldown") ?? 0
        policy.mostAge = try node.length("max_age") ?? policy.mostAge
        policy.cap = try cap(node)
        if let late = node["late"], late != "fire" {
            guard let most = try? node.length("late"), most > 0 else {
                throw node.error("late", "is fire, or a length of time after which it is not told, such as 1h")
            }
            policy.skipsAfter = most
        }
        return policy
    }

    private static func cap(_ node: TriggerNode) throws -> TriggerPolicy.Cap? {
        guard let given = node["at_most"] else { return nil }
        let inner = try TriggerNode(given, node.path + ".at_most")
        try inner.allow(["count", "within"])
        guard let count = inner["count"]?.intValue, (1...1_000_000).contains(count) else {
            throw inner.error("count", "is a whole number from 1 to 1000000")
        }
        guard let within = try inner.length("within"), within % 60_000_000 == 0,
            (60_000_000...86_400_000_000).contains(within)
        else { throw inner.error("within", "is whole minutes, from 1m to 1d") }
        return TriggerPolicy.Cap(count: Int(count), within: within)
    }

    private static func absence(_ node: TriggerNode) throws -> Absence {
        guard node["event"] != nil else {
            throw node.error("event", "is missing: after which event the other one is waited for")
        }
        return try absence(node, of: try events(node))
    }

    /// What is waited for after an event.
    static func absence(_ node: TriggerNode, of starts: EventTest) throws -> Absence {
        guard let absent = node["absent"] else { throw node.error("absent", "is missing") }
        let inner = try TriggerNode(absent, node.path + ".absent")
        try inner.allow(["event", "where", "within"])
        let within = try window(inner, "for how long it is waited for, such as 30m")
        let correlate = try correlate(node)
        let retracts = node["retract"] ?? false
        guard let flag = retracts.boolValue else { throw node.error("retract", "is true or false") }
        if let still = node["still"] {
            guard case .object = still else { throw node.error("still", "is a condition on people") }
        }
        return Absence(
            starts: starts, ends: try events(inner), within: within, correlate: correlate,
            reentry: try node.word("reentry") ?? .restart, grace: try node.length("grace") ?? 0, retracts: flag,
            still: node["still"])
    }

    private static func count(
        _ inner: TriggerNode, _ outer: TriggerNode, _ policy: TriggerPolicy
    ) throws -> Count {
        try inner.allow(["event", "where", "at_least", "within"])
        guard inner["event"] != nil else { throw inner.error("event", "is missing: which event is counted") }
        guard let least = inner["at_least"]?.intValue, (2...1_000).contains(least) else {
            throw inner.error("at_least", "is a whole number from 2 to 1000")
        }
        guard let within = try inner.length("within"), within > 0 else {
            throw inner.error("within", "is missing: the length of the window, such as 1h")
        }
        let rearm: Count.Rearm = try outer.word("rearm") ?? .reset
        if rearm == .cooldown, policy.cooldown == 0 {
            throw outer.error("cooldown", "is missing: for how long it does not fire again, such as 24h")
        }
        return Count(test: try events(inner), atLeast: Int(least), within: within, rearm: rearm)
    }

    private static func property(_ node: TriggerNode) throws -> PropertyChange {
        guard let name = node["property"]?.stringValue, (1...255).contains(name.utf8.count) else {
            throw node.error("property", "is a property's name of 1 to 255 bytes")
        }
        for side in ["from", "to"] {
            switch node[side] {
            case .array?, .object?: throw node.error(side, "is a text, a number, true or false")
            default: break
            }
        }
        return PropertyChange(name: name, from: node["from"], to: node["to"])
    }

    /// `within`.
    static func window(_ node: TriggerNode, _ what: String) throws -> Int64 {
        guard let within = try node.length("within"), within > 0 else {
            throw node.error("within", "is missing: \(what)")
        }
        guard within <= 366 * 86_400_000_000 else { throw node.error("within", "is at most 366d") }
        return within
    }

    static func correlate(_ node: TriggerNode) throws -> String? {
        guard let value = node["correlate"] else { return nil }
        guard let text = value.stringValue, text.hasPrefix("properties."), text.utf8.count > 11 else {
            throw node.error("correlate", "is a property of all these events, such as properties.cart_id")
        }
        return String(text.dropFirst(11))
    }

    /// `event` and `where`.
    static func events(_ node: TriggerNode) throws -> EventTest {
        var names: [String]
        switch node["event"] {
        case .string(let name)?: names = name == "*" ? [] : [name]
        case .array(let list)? where !list.isEmpty && list.count <= 100: names = list.compactMap(\.stringValue)
        default: throw node.error("event", "is an event's name, or a list of at most 100")
        }
        if case .array(let list)? = node["event"], names.count != list.count {
            throw node.error("event", "is a list of names")
        }
        guard names.allSatisfy({ (1...255).contains($0.utf8.count) }) else {
            throw node.error("event", "has names of 1 to 255 bytes")
        }
        names = names.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
        guard let asked = node["where"] else { return EventTest(names: names) }
        let path = node.path + ".where"
        let condition = try Condition(asked, path: path) { (text, path) throws(QueryError) in
            guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
                throw QueryError(
                    .invalidCondition, at: path,
                    "\"\(text.prefix(64))\" is no fixed time; a trigger asks at the moment of each event, so write 2026-01-31 or "
                        + "2026-01-31T12:00:00Z")
            }
            return time
        }
        try condition.checkAlone(path: path)
        return EventTest(names: names, condition: condition)
    }
}
