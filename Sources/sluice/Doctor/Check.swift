import Model

/// What one look at the machine or the folder found.
struct Check: Sendable {
    enum Outcome: String, Sendable {
        case ok, warning, failed

        var mark: String {
            switch self {
            case .ok: "ok"
            case .warning: "warning"
            case .failed: "FAILED"
            }
        }
    }

    let name: String
    let outcome: Outcome
    /// What was found, and if it is bad, what to do.
    let message: String
    /// Whether opening the store makes no sense after this failure.
    var stopsOpening = false

    init(_ name: String, _ outcome: Outcome, _ message: String, stopsOpening: Bool = false) {
        self.name = name
        self.outcome = outcome
        self.message = message
        self.stopsOpening = stopsOpening
    }

    var json: JSONValue {
        .object([
            .init("name", .string(name)), .init("outcome", .string(outcome.rawValue)),
            .init("message", .string(message)),
        ])
    }
}
