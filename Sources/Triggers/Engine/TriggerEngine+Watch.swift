internal import Connectors
internal import Model

/// Kinds that no item of the journal tells: what a watcher saw is kept in the same transaction as what fires of it, so that each
/// transition is told once, whatever restarts.
extension TriggerEngine {
    /// Takes a look's step. One that was made by another rule than there is now does nothing.
    public func watch(_ step: WatchStep) throws {
        let place = step.place
        guard let rule = rules.rule(step.rule, place.version), rule.starts, rule.since == place.since,
            case .watched(let watch) = rule.when
        else { return }
        if step.beginsAnew { try storage.forgetWatched(rule: rule.number) }
        for move in step.moves {
            guard let row = try storage.watched(rule: rule.number, person: move.from) else { continue }
            try storage.forgetWatched(rule: rule.number, person: move.from)
            guard try storage.watched(rule: rule.number, person: move.to) == nil else { continue }
            try storage.keepWatched(
                rule: rule.number,
                WatchRow(
                    person: move.to, identity: move.identity, state: row.state, value: row.value,
                    instance: row.instance))
        }
        for entry in step.entries { try take(entry, rule, watch, place) }
        try storage.setPlace(rule: rule.number, place)
    }

    private func take(
        _ entry: WatchStep.Entry, _ rule: TriggerRule, _ watch: TriggerWatch, _ place: WatchPlace
    ) throws {
        let row = try storage.watched(rule: rule.number, person: entry.person)
        var instance = row?.instance
        if let news = entry.news { instance = try tell(news, entry, rule, watch, place, row) }
        guard let state = entry.state else {
            return try storage.forgetWatched(rule: rule.number, person: entry.person)
        }
        try storage.keepWatched(
            rule: rule.number,
            WatchRow(
                person: entry.person, identity: entry.identity, state: state, value: entry.new, instance: instance))
    }

    /// - Returns: the instance that was told.
    private func tell(
        _ news: WatchNews, _ entry: WatchStep.Entry, _ rule: TriggerRule, _ watch: TriggerWatch, _ place: WatchPlace,
        _ row: WatchRow?
    ) throws -> String? {
        let identity = entry.identity.isEmpty ? nil : entry.identity
        let key = try identity.map { try storage.key(of: $0) } ?? ""
        let old = entry.old ?? row?.value ?? .null
        let change = JSONValue.object([.init("old", old), .init("new", entry.new)] + watch.detail)
        let cause = "\(place.lookedAt.microseconds)"
        // No item tells it: what was written back of the person a moment before is taken for its cause.
        let since = place.lookedAt.microseconds - watch.hold - Self.depthSpan
        let depth = identity == nil ? 0 : try storage.depth(key: key, since: since)
        switch (watch, news) {
        case (.segment(_, .left), .crossed), (.segment(_, .entered), .recovered): return nil
        case (.column(_, let threshold), .recovered):
            try recover(threshold, entry, rule, row, key, change, depth)
            return nil
        case (.report(let report), .recovered):
            try recover(report.threshold, entry, rule, row, key, change, depth)
            return nil
        case (.segment, _), (.column, .crossed), (.report, .crossed):
            guard try !rests(rule, key) else {
                try storage.count(.ignored, rule: rule.number)
                return nil
            }
            guard depth < Self.mostDepth else {
                try storage.count(.looped, rule: rule.number)
                return nil
            }
            guard try mayFire(rule) else {
                try storage.count(.dropped, rule: rule.number)
                return nil
            }
            let instance = Self.instanceID(rule, key: key, correlation: "\(entry.person)", event: cause)
            try fire(
                rule, instance: instance, key: key, identity: identity, person: entry.person == 0 ? nil : entry.person,
                seq: nil, eventID: cause, event: nil, lateBy: entry.lateBy, change: change, depth: depth)
            return instance
        }
    }

    /// What was told is over, which is said however many triggers led to it: the next crossing is what ends a loop. Of what was not told
    /// nothing is said.
    private func recover(
        _ threshold: Threshold, _ entry: WatchStep.Entry, _ rule: TriggerRule, _ row: WatchRow?, _ key: String,
        _ change: JSONValue, _ depth: Int64
    ) throws {
        try storage.count(.recovered, rule: rule.number)
        guard threshold.tellsRecovery, let instance = row?.instance else { return }
        try fire(
            rule, instance: instance, key: key, identity: entry.identity.isEmpty ? nil : entry.identity,
            person: entry.person == 0 ? nil : entry.person, seq: nil, eventID: instance, event: nil, lateBy: 0,
            change: change, depth: depth, type: TriggerFiring.recoveredType)
    }
}
