internal import Model

/// "A and not B within W". Whether a start fires depends on the times of what happened alone, not on the order in which it was heard
/// of, as long as all of it came before the start fires.
extension TriggerEngine {
    func start(_ item: TriggerItem, _ rule: TriggerRule, _ absence: TriggerWhen.Absence, _ key: String) throws {
        guard rule.starts else { return }
        guard !isHistorical(item, rule) else { return try storage.count(.historical, rule: rule.number) }
        guard item.depth < Self.mostDepth else { return try storage.count(.looped, rule: rule.number) }
        let number = rule.number
        let correlation = try correlation(item, absence, rule)
        let mark = TriggerMark(at: Self.time(item), seq: item.seq)
        let deadline = mark.at + absence.within
        var instance = TriggerInstance(
            rule: number, version: rule.version,
            id: Self.instanceID(rule, key: key, correlation: correlation, event: item.eventID), key: key,
            correlation: correlation, identity: item.identity, person: item.person, seq: item.seq,
            eventID: item.eventID, at: mark.at, deadline: deadline,
            fireAt: max(deadline, item.receivedAt.microseconds) + absence.grace)
        let chain = SequenceChain(rule: rule, absence: absence, storage: storage)
        let follows = try chain.leads(to: mark, key: key, correlation: correlation)
        // What comes late may still lead to it where that is waited for.
        guard follows || absence.grace > 0 else { return try storage.count(.ignored, rule: number) }
        if absence.firesAtOnce { return try fire(rule, item, key) }
        guard try mayStart(instance, rule, absence, item, follows: follows) else { return }
        if absence.reentry == .restart {
            try storage.mark(
                rule: number, version: rule.version, role: .starts, key: key, correlation: correlation,
                identity: item.identity, mark)
        }
        instance.event = item.eventJSON(person: item.person)
        instance.depth = item.depth
        instance.asks = absence.still != nil
        if let (state, by) = try ending(of: instance, absence) {
            instance.state = state == .cancelled ? .satisfied : state
            instance.endedBy = by
            instance.endedAt = now.microseconds
        }
        try storage.add(instance)
        try storage.count(Self.counted(instance.state), rule: number)
    }

    /// Whether re-entry lets it start; others may have to make room for it.
    private func mayStart(
        _ instance: TriggerInstance, _ rule: TriggerRule, _ absence: TriggerWhen.Absence, _ item: TriggerItem,
        follows: Bool
    ) throws -> Bool {
        let number = rule.number
        var others = try storage.open(rule: number, key: instance.key)
        if absence.reentry == .each || !follows, others.count >= Self.mostOpen {
            try storage.count(.overflow, rule: number)
            return false
        }
        if try rests(rule, instance.key) {
            try storage.count(.ignored, rule: number)
            return false
        }
        switch absence.reentry {
        case .each: return true
        case .restart:
            guard follows else { return true }
            others.removeAll { $0.correlation != instance.correlation }
            for other in others where Self.restarts(instance, over: other) {
                try close(other, .superseded, by: item.eventID)
            }
            return true
        case .onceEver:
            guard try storage.lastFiring(rule: number, key: instance.key) == nil else {
                try storage.count(.ignored, rule: number)
                return false
            }
            // Which of the others follow its steps is known when they come due.
            if !absence.before.isEmpty { return true }
        case .firstOpen: others.removeAll { $0.correlation != instance.correlation }
        }
        for other in others {
            // It happened before the one that is waited for: that one would have been ignored.
            if other.at > instance.at {
                if other.at < instance.deadline { try close(other, .superseded, by: item.eventID) }
            } else if instance.at < other.deadline {
                try storage.count(.ignored, rule: number)
                return false
            }
            // Only its grace is waited for: its window was over by then.
        }
        return true
    }

    /// Whether a start takes the place of another that is waited for.
    private static func restarts(_ instance: TriggerInstance, over other: TriggerInstance) -> Bool {
        (other.at, other.seq) < (instance.at, instance.seq) && instance.at < other.deadline
    }

    func end(_ item: TriggerItem, _ rule: TriggerRule, _ absence: TriggerWhen.Absence, _ key: String) throws {
        let mark = TriggerMark(at: Self.time(item), seq: item.seq)
        let correlation = try correlation(item, absence, nil)
        try storage.mark(
            rule: rule.number, version: rule.version, role: .ends, key: key, correlation: correlation,
            identity: item.identity, mark)
        let met = try storage.around(
            rule: rule.number, version: rule.version, key: key, correlation: correlation, at: mark.at)
        for instance in met where Self.ends(mark, instance) {
            if instance.state == .fired {
                try contradict(instance, rule, absence, by: item.eventID)
            } else {
                try close(instance, .cancelled, by: item.eventID)
            }
        }
    }

    /// Whether what happened at the mark ends a wait: it lies in [the start, the deadline), and after the start.
    private static func ends(_ mark: TriggerMark, _ instance: TriggerInstance) -> Bool {
        (instance.at, instance.seq) < (mark.at, mark.seq) && mark.at < instance.deadline
    }

    private func contradict(
        _ instance: TriggerInstance, _ rule: TriggerRule, _ absence: TriggerWhen.Absence, by event: String
    ) throws {
        try close(instance, .contradicted, by: event)
        guard absence.retracts else { return }
        try fire(
            rule, instance: instance.id, key: instance.key,
            identity: instance.identity, person: instance.person, seq: instance.seq, eventID: instance.eventID,
            event: instance.event, lateBy: 0, change: nil, depth: instance.depth, type: TriggerFiring.retractedType)
    }

    /// What has ended a wait by what is known now: what was waited for came, or a later start took its place.
    func ending(
        of instance: TriggerInstance, _ absence: TriggerWhen.Absence
    ) throws -> (TriggerInstance.State, by: String)? {
        let found = try storage.marks(
            rule: instance.rule, version: instance.version, role: .ends, key: instance.key,
            correlation: instance.correlation, from: instance.at, to: instance.deadline - 1)
        if let mark = found.first(where: { Self.ends($0, instance) }) { return (.cancelled, "seq \(mark.seq)") }
        guard absence.reentry == .restart else { return nil }
        let starts = try storage.marks(
            rule: instance.rule, version: instance.version, role: .starts, key: instance.key,
            correlation: instance.correlation, from: instance.at, to: instance.deadline - 1)
        for mark in starts where Self.ends(mark, instance) && mark.seq != instance.seq {
            guard try follows(mark, of: instance, absence) else { continue }
            return (.superseded, "seq \(mark.seq)")
        }
        return nil
    }

    /// Whether the steps before a start led to it.
    private func follows(
        _ mark: TriggerMark, of instance: TriggerInstance, _ absence: TriggerWhen.Absence
    ) throws -> Bool {
        guard !absence.before.isEmpty, let rule = rules.rule(instance.rule, instance.version) else { return true }
        return try SequenceChain(rule: rule, absence: absence, storage: storage)
            .leads(to: mark, key: instance.key, correlation: instance.correlation)
    }

    /// Whether the steps before it led to what started a wait.
    func follows(_ instance: TriggerInstance, _ absence: TriggerWhen.Absence) throws -> Bool {
        try follows(TriggerMark(at: instance.at, seq: instance.seq), of: instance, absence)
    }

    /// Notes a step before the last.
    func step(
        _ item: TriggerItem, _ rule: TriggerRule, _ absence: TriggerWhen.Absence, _ role: TriggerRules.Role,
        _ key: String
    ) throws {
        try storage.mark(
            rule: rule.number, version: rule.version, role: role, key: key,
            correlation: try correlation(item, absence, nil), identity: item.identity,
            TriggerMark(at: Self.time(item), seq: item.seq))
    }

    func close(_ instance: TriggerInstance, _ state: TriggerInstance.State, by cause: String) throws {
        var instance = instance
        instance.state = state
        instance.endedBy = cause
        instance.endedAt = now.microseconds
        try storage.update(instance)
        try storage.count(Self.counted(state), rule: instance.rule)
    }

    private static func counted(_ state: TriggerInstance.State) -> TriggerCount {
        switch state {
        case .armed, .held: .armed
        case .fired: .fired
        case .cancelled: .cancelled
        case .satisfied: .satisfied
        case .superseded: .superseded
        case .expired: .expired
        case .contradicted: .contradicted
        }
    }

    /// What start and end have in common: the property's text behind a sign; empty if it is not there.
    private func correlation(
        _ item: TriggerItem, _ absence: TriggerWhen.Absence, _ counted: TriggerRule?
    ) throws -> String {
        guard let name = absence.correlate else { return "" }
        if let value = item.document?[name], value != .null { return "=" + (value.stringValue ?? value.text) }
        if let counted { try storage.count(.uncorrelated, rule: counted.number) }
        return ""
    }
}

extension TriggerInstance {
    /// The event as it is told, with the person that is known by now.
    var told: [UInt8]? {
        guard let event, let person else { return event }
        let bytes = event
        guard case .object(let members)? = try? JSONValue(bytes.span) else { return event }
        let id = JSONValue.string(PersonID(person).text)
        if members.contains(where: { $0.key == "person_id" && $0.value == id }) { return event }
        return Array(
            JSONValue.object(members.map { $0.key == "person_id" ? .init("person_id", id) : $0 }).text.utf8)
    }
}
