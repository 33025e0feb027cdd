public import Destinations
public import Model

/// What a pipeline does: read from a document, checked as far as that goes without the store.
public struct PipelineDefinition: Sendable, Equatable {
    public var name: String
    /// nil: it runs when somebody says so, or what it comes after is done.
    public var schedule: Schedule?
    /// It runs as soon as something is new, so that what comes is loaded within this, in microseconds.
    public var lag: Int64?
    /// What is exported, as `POST /v1/exports` takes it.
    public var export: JSONValue
    /// Whether each run covers what came since the last one; else everything.
    public var isIncremental: Bool
    public var validation: ValidationPlan
    /// What becomes of rows before they are loaded.
    public var transform: TransformPlan
    public var load: LoadPlan
    /// What is built of it afterwards, if anything.
    public var dbt: DbtPlan?
    public var retry: RetryPolicy
    /// Whether a failed run leaves what was loaded before, marked as stale, rather than being a failure only.
    public var fallsBack: Bool
    public var freshness: FreshnessLimits?
    /// What becomes of its files.
    public var retention: FileRetention
    /// Whom alerts go to; nil: those of the project.
    public var alerts: [AlertTarget]?
    /// Pipelines whose runs it waits for.
    public var after: [String] = []
    /// How long one step may take, in microseconds.
    public var timeout: Int64

    /// The whole document, as it is kept.
    public let json: JSONValue

    /// Steps of a run that the pipeline does without.
    var stepsLeftOut: Set<StepName> {
        var steps: Set<StepName> = []
        if transform.isEmpty { steps.insert(.transform) }
        if dbt == nil { steps.insert(.dbt) }
        return steps
    }
}

/// Where rows go, and how.
public struct LoadPlan: Sendable, Equatable {
    public enum Target: Sendable, Equatable {
        /// A destination that is kept under a name.
        case named(String)
        /// Settings in the pipeline itself.
        case inline(JSONValue)
    }

    public var target: Target
    /// nil: append where a run covers what is new, else replace.
    public var mode: LoadMode?
    public var key: [String]
    /// Whether columns are added to the destination.
    public var evolves: Bool
}

/// How often and when a failed step is tried again.
public struct RetryPolicy: Sendable, Equatable {
    public enum Backoff: String, Sendable, CaseIterable {
        /// Twice as long each time.
        case exponential
        case fixed
    }

    /// The first one counts.
    public var attempts: Int
    public var backoff: Backoff
    /// In microseconds.
    public var base: Int64

    /// No pause is longer.
    static let longest: Int64 = 3_600_000_000

    public init(attempts: Int = 4, backoff: Backoff = .exponential, base: Int64 = 5_000_000) {
        self.attempts = attempts
        self.backoff = backoff
        self.base = base
    }

    /// The pause after so many attempts, in microseconds; nil if there is no further one.
    public func pause(after attempts: Int) -> Int64? {
        guard attempts < self.attempts else { return nil }
        guard backoff == .exponential else { return min(base, Self.longest) }
        let (product, overflow) = base.multipliedReportingOverflow(by: Int64(1) << Int64(min(attempts - 1, 40)))
        return overflow ? Self.longest : min(product, Self.longest)
    }
}

/// From when on what was loaded is too old, in microseconds.
public struct FreshnessLimits: Sendable, Equatable {
    public var warnAfter: Int64?
    public var failAfter: Int64?

    public enum State: String, Sendable {
        case fresh
        case warn
        case fail
    }

    /// - Parameter age: how long ago the destination had everything; nil if it never had.
    public func state(age: Int64?, since made: Int64) -> State {
        let age = age ?? made
        if let failAfter, age > failAfter { return .fail }
        if let warnAfter, age > warnAfter { return .warn }
        return .fresh
    }
}
