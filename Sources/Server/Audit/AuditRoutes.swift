internal import Control
internal import HTTPTypes
internal import Hummingbird
internal import Model

/// Who did what and who read what, and the proof that nobody has changed it since.
enum AuditRoutes {
    static let routes = [
        Route(.get, "/v1/audit", .scope(.admin), audit: .read("audit.list", of: "audit"), list),
        Route(.get, "/v1/audit/verify", .scope(.admin), audit: .none, verify),
    ]

    private static func list(_ exchange: Exchange) async throws -> Response {
        let (query, limit) = (exchange.query, try exchange.query.limit())
        let before = try query.integer("cursor", in: 1...Int64.max)
        try await exchange.app.audit.flush()
        let rows = try await exchange.app.control.auditEntries(
            project: try exchange.requireCaller().project, before: before, action: query["action"], key: query["key"],
            limit: limit + 1)
        exchange.note.rows(min(rows.count, limit))
        return .page(
            rows.prefix(limit).map(document), next: rows.count > limit ? String(rows[limit - 1].number) : nil)
    }

    private static func verify(_ exchange: Exchange) async throws -> Response {
        let expected = exchange.query["hash"]
        if let expected, !isHash(expected) {
            throw Problem.parameter("hash", "must be a hash of this log, 64 hexadecimal digits")
        }
        try await exchange.app.audit.flush()
        let verdict = try await exchange.app.control.verifyAudit(
            project: try exchange.requireCaller().project, expecting: expected?.lowercased())
        return .json([
            "intact": .bool(verdict.isIntact), "entries": JSONValue(verdict.entries),
            "redacted": JSONValue(verdict.redacted), "last_hash": JSONValue(verdict.lastHash),
            "broken_at": JSONValue(optional: verdict.brokenAt), "reason": JSONValue(verdict.reason),
        ])
    }

    private static func isHash(_ text: String) -> Bool { text.utf8.count == 64 && text.allSatisfy(\.isHexDigit) }

    private static func document(_ record: AuditRecord) -> JSONValue {
        let content = record.content
        func member(_ name: String) -> JSONValue { content[name] ?? .null }
        // Those of the route, else those that came of the request.
        let columns = member("columns") == .null ? record.filter?["columns"] ?? .null : member("columns")
        return [
            "number": JSONValue(record.number), "at": member("at"), "key": member("key"), "action": member("action"),
            "dataset": member("dataset"), "columns": columns, "filter": record.filter ?? .null,
            "redacted_by": JSONValue(optional: record.redactedBy), "rows": member("rows"), "made": member("made"),
            "status": member("status"), "project": member("project"), "request_id": member("request_id"),
            "hash": .string(record.hash),
        ]
    }
}
