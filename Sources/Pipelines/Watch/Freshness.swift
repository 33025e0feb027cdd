public import Control
public import Model

/// How old what a pipeline loaded is; pure. It is as of the beginning of the last run that brought everything there was: one that
/// failed, one that kept the result of before, and a backfill of what is old make nothing fresh.
public struct Freshness: Sendable, Equatable {
    public let loadedAt: Timestamp?
    /// Everything up to it is loaded.
    public let seq: Int64?
    /// How old, in microseconds; of what never was loaded, how old the pipeline is.
    public let age: Int64
    /// nil where the definition has no limits.
    public let state: FreshnessLimits.State?
    /// When it changes for the worse if nothing is loaded until then.
    public let changesAt: Timestamp?

    /// - Parameter good: the last run that succeeded, and was none of a backfill.
    public init(_ limits: FreshnessLimits?, good: PipelineRunRecord?, createdAt: Timestamp, now: Timestamp) {
        loadedAt = good?.startedAt
        seq = good?.seqTo
        let since = loadedAt ?? createdAt
        // A clock that was put back makes nothing younger than new.
        age = max(0, now.microseconds - since.microseconds)
        state = limits?.state(age: age, since: age)
        let limit: Int64? =
            switch state {
            case .fresh: limits?.warnAfter ?? limits?.failAfter
            case .warn: limits?.failAfter
            case .fail, nil: nil
            }
        changesAt = limit.map { Timestamp(microseconds: since.microseconds + $0) }
    }

    /// What is wrong with it; nil if nothing is.
    public var finding: Finding? {
        let said =
            loadedAt.map { "what is loaded is as of \($0.text), \(Self.words(age)) ago" }
            ?? "nothing was ever loaded, for \(Self.words(age))"
        switch state {
        case nil, .fresh: return nil
        case .warn: return Finding(.freshness, .warning, "warn", reason: said)
        case .fail: return Finding(.freshness, .error, "fail", reason: said)
        }
    }

    static func words(_ microseconds: Int64) -> String {
        let minutes = microseconds / 60_000_000
        if minutes < 1 { return "\(microseconds / 1_000_000) s" }
        if minutes < 120 { return "\(minutes) min" }
        return minutes < 72 * 60 ? "\(minutes / 60) h" : "\(minutes / 1_440) days"
    }
}
