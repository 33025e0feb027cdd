internal import Model

extension TriggerRule {
    /// Why a trigger did not fire because of somebody: the first thing that stood against it.
    ///
    /// - Parameters:
    ///   - events: what the person did of late, the newest last.
    ///   - instances: what was waited for, the newest first.
    public func whyNot(events: [TriggerItem], instances: [TriggerInstance]) -> String {
        if let instance = instances.first { return Self.why(instance) }
        guard state == .enabled else { return "the trigger is \(state.rawValue)" }
        guard let test = starting else {
            return "this kind is not started by an event; see its health"
        }
        let named = events.filter { event in
            test.names.isEmpty || test.names.contains { ExactText($0) == ExactText(event.name) }
        }
        guard let last = named.last else {
            return "nothing of the last \(events.count) that the person did has the name of an event that starts it"
        }
        guard last.seq > since else {
            return
                "\(last.eventID) was collected before the trigger was made or enabled (seq \(last.seq), it looks after \(since))"
        }
        let own = TriggerRules([self])
        var item = last
        guard item.match(own), item.interests.contains(where: { $0.role == .starts }) else {
            return "\"where\" does not hold of \(last.eventID) (seq \(last.seq))"
        }
        if last.receivedAt.microseconds - last.at.microseconds > policy.mostAge {
            return "\(last.eventID) came more than max_age after it happened"
        }
        switch when {
        case .count(let count): return "there were not \(count.atLeast) within the window"
        default:
            return
                "\(last.eventID) starts it; a cooldown, re-entry, an import or the depth of a loop let it go, or it is still to be looked at"
        }
    }

    private var starting: EventTest? {
        switch when {
        case .event(let test): test
        case .count(let count): count.test
        case .absence(let absence): absence.starts
        case .property, .newPerson, .silence, .watched: nil
        }
    }

    private static func why(_ instance: TriggerInstance) -> String {
        let by = instance.endedBy ?? "something"
        return switch instance.state {
        case .armed: "it waits until \(Timestamp(microseconds: instance.fireAt).text)"
        case .held: "it came due while the trigger was held"
        case .fired: "it fired"
        case .cancelled: "what was waited for came: \(by)"
        case .satisfied: "what was waited for had come already: \(by)"
        case .superseded: "another start took its place: \(by)"
        case .expired: "it came due too late: \(by)"
        case .contradicted: "it fired, and what was waited for came in after all: \(by)"
        }
    }
}
