/// Why a report that is right could not be answered.
public struct ReportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The closed set of kinds; fit for a metric's label.
    public enum Code: String, Sendable, CaseIterable {
        /// It took longer than reports may.
        case timeLimit = "report_time_limit"
        /// It needs more memory than the engine may use.
        case memory = "report_memory"
    }

    public let code: Code
    /// What was wrong and what to do. Holds no row data.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }

    static func timeLimit(_ limit: Duration) -> ReportError {
        ReportError(
            .timeLimit,
            "the report was stopped after \(limit.components.seconds) s, its time of waiting for others included: ask for a shorter range, fewer steps or no breakdown, or ask again later"
        )
    }

    static let memory = ReportError(
        .memory,
        "the report needs more memory than the engine may use now: ask for a shorter range, a breakdown with fewer values, or again when less is going on"
    )
}
