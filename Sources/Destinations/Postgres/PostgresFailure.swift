internal import Connectors

/// What libpq says, as a destination's failure.
enum PostgresFailure {
    /// One line, without the word that libpq begins with.
    static func plain(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").trimmingPrefix("ERROR:").drop { $0 == " " }
            .description
    }

    static func connecting(_ message: String) -> ConnectorError {
        // Whoever is there and refuses will refuse again; what nobody answers may be answered later.
        let refusals = [
            "password authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry",
            "server does not support SSL", "certificate", "authentication failed",
        ]
        let isRefusal = refusals.contains { message.contains($0) }
        return ConnectorError(
            isRefusal ? .refused : .unreachable, "PostgreSQL cannot be connected to: \(message)",
            isTransient: !isRefusal)
    }

    /// - Parameter state: the five characters of SQLSTATE.
    static func statement(state: String, _ message: String) -> ConnectorError {
        // Connections (08), resources (53), the operator (57), rollbacks and locks (40, 55) pass; the rest would fail again.
        let isTransient = ["08", "40", "53", "55", "57", "58"].contains(String(state.prefix(2)))
        return ConnectorError(
            isTransient ? .unreachable : .refused, "PostgreSQL refused: \(message) (SQLSTATE \(state))",
            isTransient: isTransient)
    }
}
