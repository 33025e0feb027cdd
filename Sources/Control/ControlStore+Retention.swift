internal import GRDB
public import Model

extension ControlStore {
    /// The project's rules of retention, a JSON array; nil if it has none.
    public func retentionRules(project: String) async throws(ControlError) -> JSONValue? {
        let text = try await read { db in
            try String.fetchOne(db, sql: "SELECT rules FROM retention WHERE project = ?", arguments: [project])
        }
        return text.flatMap { try? JSONValue(text: $0) }
    }

    /// Replaces them; an empty array keeps everything.
    public func setRetentionRules(_ rules: JSONValue, project: String) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: """
                    INSERT INTO retention (project, rules, changed_at) VALUES (?, ?, ?)
                    ON CONFLICT (project) DO UPDATE SET rules = excluded.rules, changed_at = excluded.changed_at
                    """, arguments: [project, rules.text, now().microseconds])
        }
    }
}
