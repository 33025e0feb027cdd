internal import Connectors
public import Model

/// Evaluates items and timers by the rules. It has no clock and no memory of its own: what it knows is in the storage, so that a
/// transaction of that holds all of what an item did, or nothing.
public struct TriggerEngine {
    /// Waits of one person and trigger at once.
    public static let mostOpen = 25
    /// So many triggers in a row may cause one another.
    public static let mostDepth: Int64 = 3
    /// The property that whoever writes events or people's properties back because of a message sets to that message's
    /// `webhook-trigger-depth`.
    public static let depthProperty = "$trigger_depth"
    /// For so long what is watched of somebody counts as caused by what was written back of them, in microseconds.
    public static let depthSpan: Int64 = 120_000_000
    /// How far ahead of the server an event's own clock may be, in microseconds.
    static let mostSkew: Int64 = 300_000_000

    let rules: TriggerRules
    let storage: any TriggerStorage
    let now: Timestamp

    /// - Parameter now: the time of day.
    public init(_ rules: TriggerRules, _ storage: any TriggerStorage, now: Timestamp) {
        self.rules = rules
        self.storage = storage
        self.now = now
    }

    /// Takes the next item, in the order of `seq`.
    public func take(_ item: TriggerItem) throws {
        switch item.kind {
        case .alias(let other, let isDerived): try tie(item, other, isDerived: isDerived)
        case .undo(let other): try untie(item.identity, other)
        case .event, .set:
            let key = try storage.key(of: item.identity)
            if rules.hasWatches, item.depth > 0 {
                try storage.noteDepth(
                    item.depth, identity: item.identity, key: key, seq: item.seq, at: item.receivedAt.microseconds)
            }
            for interest in item.interests { try take(item, interest, key) }
        }
    }

    private func take(_ item: TriggerItem, _ interest: TriggerRules.Interest, _ key: String) throws {
        let rule = rules.rules[interest.rule]
        switch (rule.when, interest.role) {
        case (.event, .starts): try event(item, rule, key)
        case (.count(let count), .starts): try self.count(item, rule, count, key)
        case (.absence(let absence), .starts): try start(item, rule, absence, key)
        case (.absence(let absence), .ends): try end(item, rule, absence, key)
        case (.absence(let absence), .step1), (.absence(let absence), .step2), (.absence(let absence), .step3),
            (.absence(let absence), .step4):
            try step(item, rule, absence, interest.role, key)
        case (.property(let change), .sets): try set(item, rule, change, key)
        case (.newPerson, .identifies): try identify(item, rule, key, wasKnown: false)
        default: break
        }
    }

    /// When an item happened: by its own clock, unless that is far ahead.
    static func time(_ item: TriggerItem) -> Int64 {
        min(item.at.microseconds, item.receivedAt.microseconds + mostSkew)
    }

    /// Whether an item is of the past, so that it starts nothing.
    func isHistorical(_ item: TriggerItem, _ rule: TriggerRule) -> Bool {
        item.isImport || item.receivedAt.microseconds - Self.time(item) > rule.policy.mostAge
    }

    // MARK: Firing

    private func event(_ item: TriggerItem, _ rule: TriggerRule, _ key: String) throws {
        guard rule.starts else { return }
        guard !isHistorical(item, rule) else { return try storage.count(.historical, rule: rule.number) }
        try fire(rule, item, key)
    }

    /// Fires at once because of an item.
    func fire(_ rule: TriggerRule, _ item: TriggerItem, _ key: String, change: JSONValue? = nil) throws {
        guard item.depth < Self.mostDepth else { return try storage.count(.looped, rule: rule.number) }
        guard try !rests(rule, key) else { return try storage.count(.ignored, rule: rule.number) }
        guard try mayFire(rule) else { return try storage.count(.dropped, rule: rule.number) }
        // An item without an id of its own is named by its place.
        let cause = item.eventID.isEmpty ? "\(item.seq)" : item.eventID
        let id = Self.instanceID(rule, key: key, correlation: "", event: cause)
        try fire(
            rule, instance: id, key: key, identity: item.identity, person: item.person,
            seq: item.seq, eventID: cause, event: item.kind == .event ? item.eventJSON(person: item.person) : nil,
            lateBy: 0, change: change, depth: item.depth)
    }

    /// Whether the cooldown after a firing is not over.
    func rests(_ rule: TriggerRule, _ key: String) throws -> Bool {
        guard rule.policy.cooldown > 0, let last = try storage.lastFiring(rule: rule.number, key: key) else {
            return false
        }
        return now.microseconds < last.microseconds + rule.policy.cooldown
    }

    func fire(
        _ rule: TriggerRule, instance: String, key: String, identity: String?, person: Int64?,
        seq: Int64?, eventID: String, event: [UInt8]?, lateBy: Int64, change: JSONValue?, depth: Int64,
        type: String? = nil
    ) throws {
        let type = type ?? rule.type
        let firing = TriggerFiring(
            rule: rule.number, ruleID: rule.id, ruleName: rule.name, version: rule.version, type: type,
            instance: instance,
            message: TriggerFiring.followUps.contains(type)
                ? WebhookSigning.messageID([type, instance]) : "msg_" + instance.dropFirst(3), key: key,
            identity: identity, person: person, seq: seq, eventID: eventID, event: event, firedAt: now,
            lateBy: max(0, lateBy), change: change, depth: depth + 1)
        guard try storage.emit(firing), type == rule.type else { return }
        try storage.count(.fired, rule: rule.number)
        try noteFiring(rule)
        if lateBy > 1_000_000 { try storage.count(.late, rule: rule.number) }
    }

    /// The id of what a rule, a person, a correlation and an event come to, whatever restarts or is restored. The message's id is the
    /// same behind another prefix: a person who is tied to another while it is waited keeps both.
    static func instanceID(_ rule: TriggerRule, key: String, correlation: String, event: String) -> String {
        // As JSON, no text has a line break in it.
        let id = WebhookSigning.messageID(
            [TriggerFiring.firedType, rule.project, rule.id, "\(rule.version)"]
                + [key, correlation, event].map { JSONValue.string($0).text })
        return "ti_" + id.dropFirst(4)
    }
}
