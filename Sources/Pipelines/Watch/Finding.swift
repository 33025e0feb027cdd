public import Control
internal import Model

/// Something of a pipeline that somebody should know.
public struct Finding: Sendable, Equatable {
    /// What it is about: of each there is one incident at a time.
    public enum Kind: String, Sendable, CaseIterable {
        /// Runs: they failed, brought nothing new, or did not come about.
        case run
        /// What was loaded is too old.
        case freshness
        /// The number of rows is far from that of the runs before.
        case volume
        /// A run should have begun, and has not.
        case late
        case backfill
    }

    public let kind: Kind
    public let severity: IncidentRecord.Severity
    /// In a word: `failed`, `stale`, `skipped`, `missed`, `warn`, `fail`, `anomaly`, `late`.
    public let what: String
    /// The same for people.
    public let reason: String
    public let run: String?

    public init(
        _ kind: Kind, _ severity: IncidentRecord.Severity, _ what: String, reason: String, run: String? = nil
    ) {
        self.kind = kind
        self.severity = severity
        self.what = what
        self.reason = reason
        self.run = run
    }
}

/// What a run says of its pipeline; pure.
public enum RunVerdict: Sendable, Equatable {
    case bad(Finding)
    /// What was wrong is right again.
    case good
    /// Nothing.
    case silent

    public init(_ run: PipelineRunRecord) {
        let kind: Finding.Kind = run.cause.isBackfill ? .backfill : .run
        switch run.status {
        case .succeeded: self = .good
        // Somebody wanted it.
        case .cancelled: self = .silent
        case .failed:
            self = .bad(Finding(kind, .error, "failed", reason: run.reason ?? "no reason is known", run: run.id))
        case .stale:
            self = .bad(
                Finding(
                    kind, .warning, "stale",
                    reason: "what was loaded before stays: \(run.reason ?? "no reason is known")", run: run.id))
        case .skipped:
            self = .bad(Finding(kind, .warning, "skipped", reason: Self.skipped(run), run: run.id))
        case .queued, .running:
            guard run.cause == .catchUp, let time = run.scheduledFor else {
                self = .silent
                return
            }
            self = .bad(Self.missed(run, time))
        }
    }

    /// A run that begins after its time, since nothing could run at it.
    static func missed(_ run: PipelineRunRecord, _ time: Timestamp) -> Finding {
        Finding(
            .run, .warning, "missed", reason: "nothing could run at \(time.text); it is caught up now", run: run.id)
    }

    private static func skipped(_ run: PipelineRunRecord) -> String {
        let reason = run.reason ?? "no reason is known"
        return run.scheduledFor.map { "the run for \($0.text) did not take place: \(reason)" } ?? reason
    }
}

/// Whether a number of rows is far from what it was; pure.
public enum VolumeRule {
    /// Fewer runs than this say nothing.
    static let fewest = 5
    /// Of smaller numbers chance makes what it likes.
    static let smallest: Int64 = 20

    /// What is strange about a run's rows; nil if nothing is.
    ///
    /// - Parameter previous: those of the runs before.
    public static func strangeness(_ rows: Int64, previous: [Int64]) -> String? {
        guard previous.count >= fewest else { return nil }
        let middle = median(previous)
        guard middle >= smallest else { return nil }
        // Numbers that jump about anyhow may jump further: by the median of how far they lie from their median.
        let spread = Double(median(previous.map { abs($0 - middle) })) * 1.4826
        let (low, high) = (
            Double(middle) - max(5 * spread, 0.8 * Double(middle)), Double(middle) + max(5 * spread, 4 * Double(middle))
        )
        guard Double(rows) < low || Double(rows) > high else { return nil }
        return "\(rows) rows, where the \(previous.count) runs before had \(middle) in the middle"
    }

    static func median(_ values: [Int64]) -> Int64 {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}
