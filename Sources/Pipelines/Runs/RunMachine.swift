public import Model

/// How far a run is, and what comes next: a value without a clock, a store or a network.
public struct RunMachine: Sendable, Equatable {
    /// What follows when a step failed.
    public enum Decision: Sendable, Equatable {
        case retry(at: Timestamp)
        case fail
    }

    public private(set) var steps: [RunStep]
    let retry: RetryPolicy
    /// Steps that the pipeline does without.
    let without: Set<StepName>

    public init(steps: [RunStep] = [], retry: RetryPolicy, without: Set<StepName> = []) {
        self.steps = steps
        self.retry = retry
        self.without = without
    }

    /// Reads the steps as they are kept.
    public init(json: JSONValue, retry: RetryPolicy, without: Set<StepName> = []) {
        self.init(steps: (json.arrayValue ?? []).compactMap(RunStep.init), retry: retry, without: without)
    }

    public var json: JSONValue { .array(steps.map(\.json)) }

    /// The step to be done next; nil when all are.
    public var next: StepName? {
        StepName.allCases.first { name in !without.contains(name) && self[name]?.status != .succeeded }
    }

    public subscript(name: StepName) -> RunStep? { steps.first { $0.name == name } }

    public mutating func begin(_ name: StepName, at now: Timestamp) {
        change(name) { step in
            step.status = .running
            step.attempts += 1
            step.startedAt = step.startedAt ?? now
            step.finishedAt = nil
            step.checks = []
        }
    }

    public mutating func succeed(
        _ name: StepName, at now: Timestamp, rowsIn: Int64? = nil, rowsOut: Int64? = nil, checks: [Check] = [],
        note: String? = nil
    ) {
        change(name) { step in
            step.status = .succeeded
            step.rowsIn = rowsIn
            step.rowsOut = rowsOut
            step.checks = checks
            step.reason = note
            step.finishedAt = now
        }
    }

    /// Notes a failure.
    public mutating func fail(
        _ name: StepName, at now: Timestamp, reason: String, isTransient: Bool, checks: [Check] = []
    ) -> Decision {
        change(name) { step in
            step.status = .failed
            step.reason = reason
            step.checks = checks
            step.finishedAt = now
        }
        guard isTransient, let pause = retry.pause(after: self[name]?.attempts ?? 0) else { return .fail }
        return .retry(at: Timestamp(microseconds: now.microseconds + pause))
    }

    /// After another start of the server: its files may be gone, and a load may have arrived or not. The window stays, so that the
    /// same rows come again, and the destination tells them by the run.
    public mutating func resume() { restart(after: .window) }

    /// The window itself is to be found anew.
    public mutating func startOver() {
        for name in StepName.allCases { change(name, onlyIfThere: true) { $0.status = .running } }
    }

    private mutating func restart(after last: StepName) {
        var isAfter = false
        for name in StepName.allCases {
            if isAfter { change(name, onlyIfThere: true) { $0.status = .running } }
            if name == last { isAfter = true }
        }
    }

    private mutating func change(_ name: StepName, onlyIfThere: Bool = false, _ body: (inout RunStep) -> Void) {
        if let at = steps.firstIndex(where: { $0.name == name }) {
            body(&steps[at])
        } else if !onlyIfThere {
            var step = RunStep(name)
            body(&step)
            steps.append(step)
        }
    }
}
