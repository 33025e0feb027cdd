import Model

@testable import Triggers

/// Triggers with their storage in memory and a clock that stands where it is put. Times are seconds after a start.
final class Bench {
    static let start: Int64 = 1_700_000_000_000_000

    let rules: TriggerRules
    let storage = MemoryStorage()
    private var seq: Int64 = 0
    private(set) var now = 0.0

    init(_ texts: String...) throws {
        rules = TriggerRules(
            try texts.enumerated().map { place, text in try Bench.rule(text, Int64(place + 1)) })
    }

    init(rules: TriggerRules) { self.rules = rules }

    static func rule(
        _ text: String, _ number: Int64 = 1, version: Int64 = 1, state: TriggerRule.State = .enabled,
        isCurrent: Bool = true, since: Int64 = 0
    ) throws -> TriggerRule {
        let (when, policy) = try TriggerWhen.read(try JSONValue(text: text))
        return TriggerRule(
            number: number, id: "trg_\(number)", project: "p", name: "t\(number)", version: version, when: when,
            policy: policy, isCurrent: isCurrent, state: state, since: since)
    }

    static func time(_ seconds: Double) -> Timestamp { Timestamp(microseconds: start + Int64(seconds * 1_000_000)) }

    var engine: TriggerEngine { TriggerEngine(rules, storage, now: Self.time(now)) }

    /// Something comes at a time and happened at a time.
    @discardableResult
    func take(
        _ kind: TriggerItem.Kind = .event, _ name: String = "", of identity: String = "ann", at: Double,
        received: Double? = nil, _ properties: String = "{}", isImport: Bool = false, identifies: Bool = false,
        prior: TriggerItem.Prior? = nil
    ) throws -> Int64 {
        seq += 1
        let received = received ?? max(at, now)
        try advance(to: received)
        var item = TriggerItem(
            kind: kind, seq: seq, identity: identity, eventID: kind == .event ? "e\(seq)" : "", name: name,
            at: Self.time(at), receivedAt: Self.time(received), properties: Array(properties.utf8))
        item.isImport = isImport
        item.identifies = identifies
        item.prior = prior
        if item.match(rules) { try engine.take(item) }
        return seq
    }

    func event(
        _ name: String, of identity: String = "ann", at: Double, received: Double? = nil, _ properties: String = "{}"
    ) throws {
        try take(.event, name, of: identity, at: at, received: received, properties)
    }

    func alias(_ a: String, _ b: String, at: Double) throws {
        try take(.alias(other: b, isDerived: false), of: a, at: at)
    }

    /// Lets time pass; timers run when they are due.
    func advance(to time: Double) throws {
        while let due = storage.nextDue, due <= Self.time(time) {
            now = max(now, Double(due.microseconds - Self.start) / 1_000_000)
            try engine.fireDue(until: Self.time(now), limit: 1)
        }
        now = max(now, time)
    }

    var fired: [String] { storage.firings.filter { $0.type == TriggerFiring.firedType }.map(\.eventID) }
    var states: [String] { storage.instances.map(\.state.rawValue) }
}
