internal import Connectors
internal import EventStore
public import Model

extension EndpointDefinition {
    /// The members that a description has, besides the secrets'.
    public static let fields = [
        "url", "name", "events", "where", "description", "payload", "include", "order", "rate_limit", "concurrency",
        "retry",
        "timeout", "final_client_errors", "mode", "batch", "body",
    ]

    /// What a setting is where nobody has said.
    private static let unsaid = EndpointDefinition(url: "")

    /// Reads a description; what it does not say is as in `known`, and what it says is null is as if nobody had ever said.
    ///
    /// - Throws: `WebhookError` of `.badEndpoint`; `QueryError` with the path in `where`.
    public init(_ json: JSONValue, known: EndpointDefinition? = nil) throws {
        guard let url = json["url"]?.stringValue ?? known?.url else {
            throw Self.error("\"url\" is missing: where messages are sent to")
        }
        self = known ?? EndpointDefinition(url: url)
        self.url = url
        if let value = json["name"] { name = try Self.name(value) }
        if let value = json["events"] { events = try Self.names(value) }
        if let value = json["where"] { condition = value == .null ? JSONValue?.none : value }
        if let value = json["description"] { description = try Self.description(value) }
        if let value = json["payload"] {
            payload = value == .null ? Self.unsaid.payload : try Self.word(value, "payload")
        }
        if let value = json["order"] { order = value == .null ? Self.unsaid.order : try Self.word(value, "order") }
        if let value = json["include"] { include = try Self.includes(value) }
        if let value = json["rate_limit"] { rate = value == .null ? nil : try EndpointRate(value) }
        if let value = json["concurrency"] {
            concurrency = value == .null ? Self.unsaid.concurrency : try Self.number(value, "concurrency", 1...100)
        }
        if let value = json["retry"] { retry = value == .null ? .standard : try RetrySchedule(value) }
        if let value = json["timeout"] {
            timeout = value == .null ? Self.unsaid.timeout : try Self.number(value, "timeout", 1...30)
        }
        if let value = json["final_client_errors"] {
            guard value == .null || value.boolValue != nil else {
                throw Self.error("\"final_client_errors\" is true or false")
            }
            finalClientErrors = value.boolValue ?? Self.unsaid.finalClientErrors
        }
        if let value = json["mode"] { mode = try Self.word(value, "mode") }
        if let value = json["batch"] {
            batch = value == .null ? Self.unsaid.batch : try Self.number(value, "batch", 1...1_000)
        }
        if let value = json["body"] { body = try Self.template(value) }
        try checkMode(known)
        _ = try tree()
    }

    /// A body that is JSON whatever is put in: receivers and libraries that verify it read JSON.
    private static func template(_ json: JSONValue) throws -> String? {
        if json == .null { return nil }
        guard let text = json.stringValue, text.utf8.count <= 16_384 else {
            throw error(
                "\"body\" is a text of at most 16384 bytes, in which {{data.event}} stands for that part of the message"
            )
        }
        let template: Template
        do { template = try Template(text) } catch { throw Self.error("\"body\": \(error)") }
        for document in [JSONValue.null, ["type": "a", "data": ["event": "b\"\\\n", "properties": ["n": 1]]]] {
            guard let filled = template.text(document), (try? JSONValue(text: filled)) != nil else {
                throw error(
                    "\"body\" is no JSON once its marks are filled; a mark stands for a whole value, or for a part of a text in quotes"
                )
            }
        }
        return text
    }

    private func checkMode(_ known: EndpointDefinition?) throws(WebhookError) {
        guard known == nil || known?.mode == mode else {
            throw Self.error("\"mode\" stays as the endpoint was made; make another one")
        }
        guard mode == .stream else { return }
        guard hearsEvents else {
            throw Self.error("a stream is of events: \"events\" is [\"*\"] or a list of their names")
        }
        guard include.isEmpty, order == .none, body == nil else {
            throw Self.error(
                "a stream has its events in their order, and nothing besides: it takes no \"include\", \"order\" or \"body\""
            )
        }
    }

    /// The condition, checked: it asks of the event alone, and its times are fixed.
    func tree() throws -> Condition? {
        guard let condition else { return nil }
        let tree = try Condition(condition) { (text, path) throws(QueryError) in
            guard let time = WrittenTime(text)?.timestamp() ?? Timestamp(epochSeconds: text) else {
                throw QueryError(
                    .invalidCondition, at: path,
                    "\"\(text.prefix(64))\" is no fixed time; an endpoint asks at the moment of each event, so write 2026-01-31 or "
                        + "2026-01-31T12:00:00Z")
            }
            return time
        }
        try tree.checkAlone()
        return tree
    }

    /// As `init` reads it.
    public var json: JSONValue {
        [
            "url": .string(url), "name": JSONValue(name), "events": .array(events.map { .string($0) }),
            "where": condition ?? .null,
            "description": .string(description), "payload": .string(payload.rawValue),
            "include": .array(include.map { .string($0.rawValue) }), "order": .string(order.rawValue),
            "rate_limit": rate?.json ?? .null, "concurrency": JSONValue(concurrency), "retry": retry.json,
            "timeout": JSONValue(timeout), "final_client_errors": .bool(finalClientErrors),
            "mode": .string(mode.rawValue), "batch": JSONValue(batch), "body": JSONValue(body),
        ]
    }

    private static func description(_ json: JSONValue) throws(WebhookError) -> String {
        if json == .null { return "" }
        guard let text = json.stringValue, text.utf8.count <= 4_096 else {
            throw error("\"description\" is a text of at most 4096 bytes")
        }
        return text
    }

    private static func name(_ json: JSONValue) throws(WebhookError) -> String? {
        if json == .null { return nil }
        guard let text = json.stringValue, (1...255).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw error("\"name\" is a text of 1 to 255 bytes")
        }
        return text
    }

    private static func names(_ json: JSONValue) throws(WebhookError) -> [String] {
        if json == .null { return [] }
        guard let elements = json.arrayValue, elements.count <= 1_000 else {
            throw error("\"events\" is a list of names, [\"*\"] for every event, or [] for what triggers send")
        }
        var names: [String] = []
        for element in elements {
            guard let name = element.stringValue, (1...255).contains(name.utf8.count) else {
                throw error("\"events\" has names of 1 to 255 bytes")
            }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    private static func includes(_ json: JSONValue) throws(WebhookError) -> [Include] {
        if json == .null { return [] }
        guard let elements = json.arrayValue else { throw error("\"include\" is a list") }
        var found: Set<Include> = []
        for element in elements { found.insert(try word(element, "include")) }
        return Include.allCases.filter(found.contains)
    }

    private static func word<T: RawRepresentable<String> & CaseIterable>(
        _ json: JSONValue, _ name: String
    ) throws(WebhookError) -> T {
        guard let text = json.stringValue, let value = T(rawValue: text) else {
            let words = T.allCases.map { $0.rawValue }.joined(separator: " or ")
            throw error("\"\(name)\" is \(words)")
        }
        return value
    }

    private static func number(
        _ json: JSONValue, _ name: String, _ range: ClosedRange<Int64>
    ) throws(WebhookError) -> Int64 {
        guard let value = json.intValue, range.contains(value) else {
            throw error("\"\(name)\" is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    private static func error(_ what: String) -> WebhookError { WebhookError(.badEndpoint, what) }
}

extension EndpointRate {
    private static let units: [String: Int64] = ["s": 1, "m": 60, "h": 3_600]

    /// Reads so many a second, or `{"count", "per"?: "s"|"m"|"h", "burst"?}`.
    init(_ json: JSONValue) throws(WebhookError) {
        let refusal = WebhookError(
            .badEndpoint,
            "\"rate_limit\" is a number of messages a second from 1 to 10000, or {\"count\": 100, \"per\": \"m\", \"burst\": 10}"
        )
        if case .number = json {
            guard let count = json.intValue, (1...10_000).contains(count) else { throw refusal }
            self.init(count: count)
            return
        }
        guard case .object(let members) = json,
            members.allSatisfy({ ["count", "per", "burst"].contains($0.key) }),
            let count = json["count"]?.intValue, (1...1_000_000).contains(count),
            let seconds = Self.units[json["per"]?.stringValue ?? "s"]
        else { throw refusal }
        if let burst = json["burst"], burst != .null {
            guard let most = burst.intValue, (1...10_000).contains(most) else { throw refusal }
            self.init(count: count, seconds: seconds, burst: most)
        } else {
            self.init(count: count, seconds: seconds)
        }
    }

    var json: JSONValue {
        let unit = Self.units.first { $0.value == seconds }?.key ?? "s"
        return ["count": JSONValue(count), "per": .string(unit), "burst": JSONValue(burst)]
    }
}
