internal import Connectors
internal import Control
internal import Destinations
internal import Exports

/// Rows that are not what they should be.
struct ValidationStop: Error {
    let checks: [Check]
    /// Whether trying again may help; the same rows would fail again.
    var isTransient = false
}

/// A failure as a run's record has it.
struct StepFailure {
    let reason: String
    let isTransient: Bool
    var checks: [Check] = []

    init(_ error: any Error) {
        switch error {
        case let stop as ValidationStop:
            checks = stop.checks
            reason = Self.line(stop.checks.filter { $0.outcome == .failed }.map(\.message).joined(separator: "; "))
            isTransient = stop.isTransient
        case let error as PipelineError: (reason, isTransient) = (Self.line(error.message), error.isTransient)
        case let error as ConnectorError: (reason, isTransient) = (Self.line(error.message), error.isTransient)
        case let error as ExportError: (reason, isTransient) = (Self.line(error.message), error.isTransient)
        case let error as ControlError: (reason, isTransient) = (Self.line(error.message), error.isTransient)
        default: (reason, isTransient) = (Self.line("\(error)"), true)
        }
    }

    /// One line of what another program said in several: libraries of databases end theirs with line breaks and tabs.
    private static func line(_ text: String) -> String {
        guard text.contains(where: { $0.isNewline || $0 == "\t" }) else { return text }
        return text.split(whereSeparator: { $0.isNewline || $0 == "\t" }).map(\.trimmedSpaces).filter { !$0.isEmpty }
            .joined(separator: " ")
    }
}

extension Substring {
    /// Without spaces at either end.
    fileprivate var trimmedSpaces: Substring {
        guard let first = firstIndex(where: { $0 != " " }), let last = lastIndex(where: { $0 != " " }) else {
            return ""
        }
        return self[first...last]
    }
}

extension LoadPlan.Target {
    /// As messages call it.
    var said: String {
        switch self {
        case .named(let name): "destination \(name)"
        case .inline: "load.destination"
        }
    }
}

extension ConnectorError {
    /// The same, with what it is about.
    func of(_ what: String) -> ConnectorError {
        ConnectorError(code, "\(what): \(message)", isTransient: isTransient)
    }
}
