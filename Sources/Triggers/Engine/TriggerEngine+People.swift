public import Model

/// Who is who, by the aliases of the journal alone, and what follows of it.
extension TriggerEngine {
    /// The most identities of a person, as in the store.
    private static let mostIdentities = 1_000

    func tie(_ item: TriggerItem, _ other: String, isDerived: Bool) throws {
        let identity = item.identity
        guard ExactText(identity) != ExactText(other) else { return }
        let before = try storage.isTied(identity, other)
        // What an SDK derives does not tie again what somebody has untied.
        if before == false, isDerived { return }
        let (key, otherKey) = (try storage.key(of: identity), try storage.key(of: other))
        let wasKnown = try isKnown(item, key, otherKey)
        if ExactText(key) != ExactText(otherKey) {
            let (own, others) = (try group(key), try group(otherKey))
            guard own.count + others.count <= Self.mostIdentities else { return }
            // The smaller one moves.
            let stays = own.count >= others.count ? key : otherKey
            let goes = own.count >= others.count ? others : own
            try storage.setTie(identity, other, true)
            try storage.move(stays, to: stays)
            for member in goes { try storage.move(member, to: stays) }
            try settle(stays)
        } else if before != true {
            try storage.setTie(identity, other, true)
        }
        let now = try storage.key(of: identity)
        for interest in item.interests where interest.role == .identifies {
            try identify(item, rules.rules[interest.rule], now, wasKnown: wasKnown[interest.rule] ?? false)
        }
    }

    func group(_ key: String) throws -> [String] {
        let members = try storage.members(of: key)
        return members.isEmpty ? [key] : members
    }

    /// Of each rule that asks, whether one of two persons was known.
    private func isKnown(_ item: TriggerItem, _ key: String, _ other: String) throws -> [Int: Bool] {
        var known: [Int: Bool] = [:]
        for interest in item.interests where interest.role == .identifies {
            let rule = rules.rules[interest.rule]
            known[interest.rule] = try isKnown(rule, key) || isKnown(rule, other)
        }
        return known
    }

    func untie(_ identity: String, _ other: String) throws {
        // An undo of what is no alias.
        guard !other.isEmpty else { return }
        try storage.setTie(identity, other, false)
        let key = try storage.key(of: identity)
        guard ExactText(key) == ExactText(try storage.key(of: other)) else { return }
        let side = try reachable(from: identity)
        guard !side.contains(ExactText(other)) else { return }
        // One tie less makes two groups of one at most.
        let rest = try storage.members(of: key).filter { !side.contains(ExactText($0)) }
        for group in [side.map(\.text).sorted(), rest.sorted()] {
            guard let first = group.first else { continue }
            for member in group { try storage.move(member, to: first) }
            try settle(first)
        }
    }

    private func reachable(from start: String) throws -> Set<ExactText> {
        var seen: Set<ExactText> = [ExactText(start)]
        var next = [start]
        while let identity = next.popLast() {
            for other in try storage.ties(of: identity) where seen.insert(ExactText(other)).inserted {
                next.append(other)
            }
        }
        return seen
    }

    // MARK: A new person

    private func isKnown(_ rule: TriggerRule, _ key: String) throws -> Bool {
        try !storage.marks(
            rule: rule.number, version: 0, role: .identifies, key: key, correlation: "", from: .min, to: .max
        ).isEmpty
    }

    /// Somebody is identified. Fires if nobody of this person was before.
    func identify(_ item: TriggerItem, _ rule: TriggerRule, _ key: String, wasKnown: Bool) throws {
        guard try !isKnown(rule, key) else { return }
        // Known from here on, whether it fires or not.
        try storage.mark(
            rule: rule.number, version: 0, role: .identifies, key: key, correlation: "", identity: item.identity,
            TriggerMark(at: Self.time(item), seq: item.seq))
        guard rule.starts, item.seq > rule.since, !wasKnown, item.prior?.isKnown != true else { return }
        guard !isHistorical(item, rule) else { return try storage.count(.historical, rule: rule.number) }
        try fire(rule, item, key)
    }

    // MARK: A property's values

    func set(
        _ item: TriggerItem, _ rule: TriggerRule, _ change: TriggerWhen.PropertyChange, _ key: String
    ) throws {
        guard let value = item.document?[change.name] else { return }
        let mark = TriggerMark(at: Self.time(item), seq: item.seq)
        let known = try storage.value(rule: rule.number, key: key)
        // An older one is no news.
        if let known, (known.mark.at, known.mark.seq) > (mark.at, mark.seq) { return }
        let old = known?.value ?? item.prior?.properties[change.name] ?? .null
        try storage.setValue(rule: rule.number, key: key, identity: item.identity, value, mark)
        guard rule.starts, item.seq > rule.since, !Self.isSame(old, value) else { return }
        if let from = change.from, !Self.isSame(old, from) { return }
        if let to = change.to, !Self.isSame(value, to) { return }
        guard !isHistorical(item, rule) else { return try storage.count(.historical, rule: rule.number) }
        try fire(rule, item, key, change: ["property": .string(change.name), "old": old, "new": value])
    }

    /// The same type and the same value: 10 is 10.0 and not "10".
    private static func isSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
        switch (a, b) {
        case (.number(let a), .number(let b)): a == b || Double(a) == Double(b)
        case (.string(let a), .string(let b)): ExactText(a) == ExactText(b)
        default: a == b
        }
    }

    // MARK: So many

    func count(_ item: TriggerItem, _ rule: TriggerRule, _ count: TriggerWhen.Count, _ key: String) throws {
        guard rule.starts else { return }
        guard !isHistorical(item, rule) else { return try storage.count(.historical, rule: rule.number) }
        let mark = TriggerMark(at: Self.time(item), seq: item.seq)
        try storage.mark(
            rule: rule.number, version: rule.version, role: .starts, key: key, correlation: "",
            identity: item.identity, mark)
        // What is in any window with it: so many before it, and so many after it if it came late.
        let near = try storage.marks(
            rule: rule.number, version: rule.version, role: .starts, key: key, correlation: "",
            from: mark.at - count.within + 1, to: mark.at + count.within - 1)
        guard let window = Self.window(near, count, around: mark) else { return }
        try fire(rule, item, key, change: ["count": JSONValue(window.count)])
        // What has fired is counted once: by `every` what lies outside of its window counts on.
        let counted: [TriggerMark] =
            switch count.rearm {
            case .reset: near
            case .every: Array(window)
            case .cooldown: []
            }
        try storage.removeMarks(
            rule: rule.number, version: rule.version, role: .starts, key: key, seqs: counted.map(\.seq))
    }

    /// The fullest window with enough in it that holds the mark; nil if there is none. A window is half-open.
    private static func window(
        _ near: [TriggerMark], _ count: TriggerWhen.Count, around mark: TriggerMark
    ) -> ArraySlice<TriggerMark>? {
        var best: ArraySlice<TriggerMark>?
        for first in near.indices where near[first].at <= mark.at {
            let end = near[first].at + count.within
            guard mark.at < end else { continue }
            let window = near[first...].prefix { $0.at < end }
            if window.count >= count.atLeast, window.count > best?.count ?? 0 { best = window }
        }
        return best
    }

    // MARK: Silence

    /// Something came: the silence begins anew. Batched by whoever follows, since each event would move the same row.
    public func heard(rule number: Int64, version: Int64, at: Timestamp) throws {
        guard let rule = rules.rule(number, version), case .silence(let silence) = rule.when else { return }
        if var instance = try storage.open(rule: number, key: "").first(where: { $0.state == .armed }) {
            guard instance.at < at.microseconds else { return }
            // The same row moves on: there is one for each moment otherwise.
            instance.version = version
            instance.at = at.microseconds
            instance.deadline = at.microseconds + silence.length
            instance.fireAt = instance.deadline
            instance.eventID = "\(instance.at)"
            instance.id = Self.instanceID(rule, key: "", correlation: "", event: instance.eventID)
            return try storage.update(instance)
        }
        guard rule.starts else { return }
        try listen(rule, silence, from: at.microseconds)
    }

    /// Begins to wait for a silence.
    public func listen(rule number: Int64, version: Int64) throws {
        guard let rule = rules.rule(number, version), case .silence(let silence) = rule.when, rule.starts else {
            return
        }
        guard try !storage.open(rule: number, key: "").contains(where: { $0.state == .armed }) else { return }
        try listen(rule, silence, from: now.microseconds)
    }

    private func listen(_ rule: TriggerRule, _ silence: TriggerWhen.Silence, from at: Int64) throws {
        try storage.add(
            TriggerInstance(
                rule: rule.number, version: rule.version,
                id: Self.instanceID(rule, key: "", correlation: "", event: "\(at)"), key: "", correlation: "",
                identity: "", person: nil, seq: 0, eventID: "\(at)", at: at, deadline: at + silence.length,
                fireAt: at + silence.length))
    }

    func fireSilence(_ instance: TriggerInstance, _ rule: TriggerRule) throws {
        var fired = instance
        switch rule.state {
        case .held:
            fired.state = .held
            return try storage.update(fired)
        case .disabled:
            try storage.count(.dropped, rule: rule.number)
            return try close(instance, .cancelled, by: "the trigger is disabled")
        case .enabled: break
        }
        fired.state = .fired
        fired.endedAt = now.microseconds
        try storage.update(fired)
        try fire(
            rule, instance: fired.id, key: "", identity: nil, person: nil, seq: nil, eventID: fired.eventID,
            event: nil, lateBy: now.microseconds - fired.fireAt,
            change: ["since": .string(Timestamp(microseconds: fired.at).text)], depth: 0)
    }
}

extension TriggerEngine {
    /// Takes over a tie of the time before the journal was followed.
    public func seed(_ a: String, _ b: String, isTied: Bool) throws {
        guard isTied else {
            if try storage.isTied(a, b) == nil { try storage.setTie(a, b, false) }
            return
        }
        try storage.setTie(a, b, true)
        let (key, other) = (try storage.key(of: a), try storage.key(of: b))
        guard ExactText(key) != ExactText(other) else { return }
        let (own, others) = (try group(key), try group(other))
        let stays = own.count >= others.count ? key : other
        try storage.move(stays, to: stays)
        for member in own.count >= others.count ? others : own { try storage.move(member, to: stays) }
    }
}
