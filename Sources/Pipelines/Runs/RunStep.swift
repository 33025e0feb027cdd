public import Model

/// A part of a run, in the order in which they come.
public enum StepName: String, Sendable, CaseIterable {
    /// What the run covers is found out and pinned.
    case window
    case export
    case validate
    /// Sources are joined, columns mapped and protected; not there where a pipeline does none of it.
    case transform
    case load
    /// What was loaded is read back.
    case verify
    /// Models are built of what was loaded; of pipelines that say so.
    case dbt
}

/// What became of one part of a run.
public struct RunStep: Sendable, Equatable {
    public enum Status: String, Sendable {
        case running, succeeded, failed
    }

    public let name: StepName
    public var status: Status
    /// How often it was begun.
    public var attempts: Int
    public var rowsIn: Int64?
    public var rowsOut: Int64?
    public var checks: [Check]
    /// Why it failed; or what is to be known of it.
    public var reason: String?
    public var startedAt: Timestamp?
    public var finishedAt: Timestamp?

    init(_ name: StepName) {
        self.name = name
        status = .running
        attempts = 0
        checks = []
    }

    public var json: JSONValue {
        func time(_ moment: Timestamp?) -> JSONValue { moment.map { .string($0.text) } ?? .null }
        func number(_ count: Int64?) -> JSONValue { count.map { JSONValue($0) } ?? .null }
        return [
            "name": .string(name.rawValue), "status": .string(status.rawValue), "attempts": JSONValue(attempts),
            "rows_in": number(rowsIn), "rows_out": number(rowsOut), "checks": .array(checks.map(\.json)),
            "reason": JSONValue(reason), "started_at": time(startedAt), "finished_at": time(finishedAt),
        ]
    }

    /// Reads a step as it is kept; nil if it is none.
    init?(json: JSONValue) {
        guard let name = json["name"]?.stringValue.flatMap(StepName.init),
            let status = json["status"]?.stringValue.flatMap(Status.init)
        else { return nil }
        func time(_ key: String) -> Timestamp? {
            json[key]?.stringValue.flatMap { WrittenTime($0)?.timestamp() }
        }
        self.init(name)
        self.status = status
        attempts = Int(json["attempts"]?.intValue ?? 0)
        rowsIn = json["rows_in"]?.intValue
        rowsOut = json["rows_out"]?.intValue
        checks = (json["checks"]?.arrayValue ?? []).compactMap(Check.init)
        reason = json["reason"]?.stringValue
        startedAt = time("started_at")
        finishedAt = time("finished_at")
    }
}

extension Check {
    fileprivate init?(json: JSONValue) {
        guard let rule = json["rule"]?.stringValue,
            let outcome = json["status"]?.stringValue.flatMap(Outcome.init)
        else { return nil }
        self.init(
            rule: rule, column: json["column"]?.stringValue, outcome: outcome,
            message: json["message"]?.stringValue ?? "", rows: json["rows"]?.intValue,
            samples: (json["samples"]?.arrayValue ?? []).compactMap(\.stringValue))
    }
}
