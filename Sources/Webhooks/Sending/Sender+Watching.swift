public import Triggers

/// What there is to be watched beside the journal, and of what moment that is.
public struct Watches: Sendable {
    public let rules: [TriggerRule]
    /// The change of endpoints and triggers that they are of.
    public let change: Int64
}

extension Sender {
    /// The enabled triggers of a project that no item of the journal fires; none until it is known who is who.
    public func watches(of project: String) -> Watches {
        let listening = listening(of: project)
        guard listening.triggers.isSeeded else { return Watches(rules: [], change: listening.change) }
        let rules = listening.triggers.rules.rules.filter { rule in
            guard case .watched = rule.when else { return false }
            return rule.isCurrent && rule.state == .enabled
        }
        return Watches(rules: rules, change: listening.change)
    }

    /// Returns once triggers were changed; false if the server ends.
    public func waitForWatches(after watches: Watches) async -> Bool {
        await waitForChange(since: watches.change)
        return !hasEnded && !Task.isCancelled
    }

    /// Waits so long, or until the time of day was set or triggers were changed; false if the server ends.
    public func rest(_ length: Duration) async -> Bool {
        await timers.wait(above: timers.value, atMost: length)
        return !hasEnded && !Task.isCancelled
    }

    /// Writes what was seen, and fires what follows of it, in one transaction. False if triggers were changed since: look again.
    public func watch(_ steps: [WatchStep], project: String, watches: Watches) async throws -> Bool {
        let listening = listening(of: project)
        guard listening.change == watches.change else { return false }
        var work = TriggerWork(triggers: listening.triggers)
        work.steps = steps
        let isWritten = try await submit(
            OutboxBatch(project: project, change: watches.change, messages: [], checkpoint: nil, triggers: work))
        if !isWritten { try await reload() }
        return isWritten
    }
}
