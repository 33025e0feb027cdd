public import Model

/// Timers of waits, and what becomes of waits when identities are tied.
extension TriggerEngine {
    /// Fires what is due and asks nothing, in the order of its times. Every item that was received until then must have been taken before.
    ///
    /// - Returns: how many timers there were.
    @discardableResult
    public func fireDue(until: Timestamp, limit: Int, persons: [String: Int64] = [:]) throws -> Int {
        let due = try storage.due(until: until.microseconds, limit: limit)
        for instance in due { try fire(instance, persons, .holds) }
        return due.count
    }

    /// Fires what is due and was asked about. What was not stays.
    ///
    /// - Parameter still: of waits by their numbers, whether what must still be so is.
    public func fireAsked(
        _ still: [Int64: StillAnswer], until: Timestamp, persons: [String: Int64] = [:]
    ) throws {
        for instance in try storage.due(still.keys.sorted(), until: until.microseconds) {
            guard let answer = still[instance.number] else { continue }
            try fire(instance, persons, answer)
        }
    }

    private func fire(_ instance: TriggerInstance, _ persons: [String: Int64], _ still: StillAnswer) throws {
        guard let rule = rules.rule(instance.rule, instance.version) else {
            return try close(instance, .cancelled, by: "the trigger is gone")
        }
        var fired = instance
        if fired.person == nil { fired.person = persons[instance.identity] }
        if case .silence = rule.when { return try fireSilence(fired, rule) }
        guard case .absence(let absence) = rule.when else {
            return try close(instance, .cancelled, by: "the trigger is another one")
        }
        if let (state, by) = try ending(of: instance, absence) { return try close(instance, state, by: by) }
        guard try follows(instance, absence) else { return try close(instance, .cancelled, by: SequenceChain.missing) }
        switch rule.state {
        case .held:
            fired.state = .held
            return try storage.update(fired)
        case .disabled:
            try storage.count(.dropped, rule: rule.number)
            return try close(instance, .cancelled, by: "the trigger is disabled")
        case .enabled: break
        }
        let lateBy = now.microseconds - instance.fireAt
        if let most = rule.policy.skipsAfter, lateBy > most { return try close(instance, .expired, by: "too late") }
        let isOver =
            try absence.reentry == .onceEver
            && storage.lastFiring(rule: rule.number, key: instance.key) != nil
        let isResting = try rests(rule, instance.key)
        if isOver || isResting {
            try storage.count(.ignored, rule: rule.number)
            return try close(instance, .superseded, by: "it has fired for this person")
        }
        switch still {
        case .holds: break
        case .fails: return try close(instance, .cancelled, by: "\(StillAnswer.word) does not hold of the person")
        case .senseless(let why):
            try storage.count(.dropped, rule: rule.number)
            return try close(instance, .cancelled, by: "\(StillAnswer.word) cannot be asked: \(why)")
        }
        guard try mayFire(rule) else {
            fired.state = .held
            return try storage.update(fired)
        }
        fired.state = .fired
        fired.endedAt = now.microseconds
        try storage.update(fired)
        try fire(
            rule, instance: fired.id, key: fired.key,
            identity: fired.identity, person: fired.person, seq: fired.seq, eventID: fired.eventID,
            event: fired.told, lateBy: lateBy, change: nil, depth: fired.depth)
    }

    /// Looks again at what is waited for of somebody, after identities were tied or untied.
    func settle(_ key: String) throws {
        for instance in try storage.open(rule: nil, key: key) {
            guard let rule = rules.rule(instance.rule, instance.version), case .absence(let absence) = rule.when else {
                continue
            }
            if let (state, by) = try ending(of: instance, absence) { try close(instance, state, by: by) }
        }
        try collapse(key)
    }

    /// Two persons who are one now may wait twice where one waits once.
    private func collapse(_ key: String) throws {
        var first: [String: TriggerInstance] = [:]
        for instance in try storage.open(rule: nil, key: key).sorted(by: { ($0.at, $0.seq) < ($1.at, $1.seq) }) {
            guard let rule = rules.rule(instance.rule, instance.version), case .absence(let absence) = rule.when,
                [.firstOpen, .onceEver].contains(absence.reentry)
            else { continue }
            let place = "\(instance.rule) " + (absence.reentry == .firstOpen ? instance.correlation : "")
            if let before = first[place], instance.at < before.deadline {
                try close(instance, .superseded, by: before.eventID)
            } else {
                first[place] = instance
            }
        }
    }
}
