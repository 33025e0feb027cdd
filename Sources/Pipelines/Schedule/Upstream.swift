public import Control
public import Model

/// How the pipelines are that another one comes after, and what follows; pure.
public struct Upstream: Sendable, Equatable {
    public enum Decision: Sendable, Equatable {
        case run
        case wait
        case skip(reason: String)
    }

    /// The newest run of each that counts; nil where there is none.
    public let runs: [(name: String, run: PipelineRunRecord?)]

    public init(_ runs: [(name: String, run: PipelineRunRecord?)]) { self.runs = runs }

    public static func == (a: Upstream, b: Upstream) -> Bool {
        a.runs.map(\.name) == b.runs.map(\.name) && a.runs.map(\.run) == b.runs.map(\.run)
    }

    /// How long a scheduled run waits for others, in microseconds.
    public static let patience: Int64 = 6 * 3_600_000_000

    /// - Parameter waited: for how long, in microseconds; nil if there is no hurry.
    public func decision(waited: Int64?) -> Decision {
        let failed = runs.filter { $0.run.map { $0.status.isFinal && $0.status != .succeeded } ?? false }
        if let (name, run) = failed.first, let run {
            return .skip(
                reason: "it comes after \(name), whose run \(run.id) is \(run.status.rawValue): \(run.reason ?? "")")
        }
        let missing = runs.filter { $0.run?.status != .succeeded }.map(\.name)
        if missing.isEmpty { return .run }
        guard let waited, waited > Self.patience else { return .wait }
        return .skip(
            reason: "it comes after \(missing.joined(separator: ", ")), which did not end for this time within 6 h")
    }

    /// The runs as a run's record has them: `{"a": {"run", "number", "status"}}`.
    ///
    /// - Parameter kept: of those of which there is none now, what was noted before.
    public func json(_ kept: JSONValue? = nil) -> JSONValue {
        .object(
            runs.compactMap { name, run in
                guard let run else { return kept?[name].map { JSONValue.Member(name, $0) } }
                return JSONValue.Member(
                    name,
                    [
                        "run": .string(run.id), "number": JSONValue(run.number), "status": .string(run.status.rawValue),
                    ])
            })
    }
}
