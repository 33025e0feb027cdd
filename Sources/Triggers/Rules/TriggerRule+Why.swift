public import Model

/// What the evaluation of a rule keeps of somebody, for whoever asks why it did nothing.
public struct TriggerSeen: Sendable {
    /// When the person was identified.
    public var identified: TriggerMark?
    /// The value of the property that is watched, and when it was set.
    public var value: (value: JSONValue, mark: TriggerMark)?
    /// Whether the store knows more of the person than events of one identity.
    public var wasKnown = false

    public init() {}
}

extension TriggerRule {
    /// Why a trigger did not fire because of somebody who is known: the first thing that stood against it.
    ///
    /// - Parameters:
    ///   - events: what the person did of late, the newest last.
    ///   - instances: what was waited for, the newest first.
    ///   - seen: what its evaluation keeps of the person.
    public func whyNot(events: [TriggerItem], instances: [TriggerInstance], seen: TriggerSeen = TriggerSeen()) -> String
    {
        if let instance = instances.first { return Self.why(instance) }
        guard state == .enabled else { return "the trigger is \(state.rawValue)" }
        switch when {
        case .newPerson: return whyNotNew(seen)
        case .property(let change): return whyNot(change, seen)
        case .silence:
            return "it is about nobody: it fires when nothing has come from anybody for so long; see its health"
        default: break
        }
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
        case .absence(let absence) where !absence.before.isEmpty:
            return
                "\(last.eventID) is the last step; \(SequenceChain.missing), or a cooldown, an import or the depth of a loop let it go"
        default:
            return
                "\(last.eventID) starts it; a cooldown, re-entry, an import or the depth of a loop let it go, or it is still to be looked at"
        }
    }

    private func whyNotNew(_ seen: TriggerSeen) -> String {
        guard let mark = seen.identified else {
            return seen.wasKnown
                ? "the person was known before (by properties, or by another identity), and only who is identified for the first time fires it"
                : "the person is anonymous so far: nothing has identified them (an alias, an identify call, or properties that are set natively) since the trigger was made"
        }
        let when = "\(Timestamp(microseconds: mark.at).text) (seq \(mark.seq))"
        guard mark.seq > since else {
            return
                "the person was identified at \(when), before the trigger was made or enabled: it looks after seq \(since)"
        }
        return
            "the person was identified at \(when), but not for the first time (the store knew them, or whom they were tied to), or by an import"
    }

    private func whyNot(_ change: TriggerWhen.PropertyChange, _ seen: TriggerSeen) -> String {
        guard let (value, mark) = seen.value else {
            return "\"\(change.name)\" was not set of the person since the trigger was made"
        }
        let at =
            "\"\(change.name)\" was set to \(value.text.prefix(128)) at \(Timestamp(microseconds: mark.at).text) (seq \(mark.seq))"
        guard mark.seq > since else { return "\(at), before the trigger looked: it does after seq \(since)" }
        if let to = change.to, to != value { return "\(at), and \"to\" is \(to.text.prefix(128))" }
        return "\(at): it had been the same, \"from\" was another one, or it was an import or within the cooldown"
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
        case .cancelled:
            by.hasPrefix(StillAnswer.word) || by == SequenceChain.missing
                ? "when it came due, \(by)" : "what was waited for came: \(by)"
        case .satisfied: "what was waited for had come already: \(by)"
        case .superseded: "another start took its place: \(by)"
        case .expired: "it came due too late: \(by)"
        case .contradicted: "it fired, and what was waited for came in after all: \(by)"
        }
    }
}
