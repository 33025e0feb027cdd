import GRDB
import Model
import Testing

@testable import Control

@Suite("The audit is a chain in which every change is found")
struct AuditTests {
    /// Some entries of which every second names somebody.
    private func fill(_ control: ControlStore, _ count: Int = 6) async throws {
        let log = AuditLog(control)
        for number in 1...count {
            var entry = AuditEntry(
                at: Timestamp(microseconds: Int64(number)), project: "default", key: "key_a", action: "people.show")
            (entry.rows, entry.status, entry.requestID) = (1, 200, "r\(number)")
            entry.filter = ["identity": number.isMultiple(of: 2) ? "ann@example.com" : "other"]
            log.note(entry)
        }
        try await log.flush()
    }

    private func verdict(after change: String) async throws -> AuditVerdict {
        var verdict = AuditVerdict()
        try await withControl { control, _ in
            try await fill(control)
            try await control.write { db in try db.execute(sql: change) }
            verdict = try await control.verifyAudit(project: "default")
        }
        return verdict
    }

    @Test("Entries keep their order, and the chain goes on where an earlier run left it")
    func order() async throws {
        try await withControl { control, _ in
            try await fill(control)
            try await fill(control, 2)
            let entries = try await control.auditEntries(
                project: "default", before: nil, action: nil, key: nil, limit: 100)
            #expect(entries.map(\.number) == [8, 7, 6, 5, 4, 3, 2, 1])
            #expect(entries[2].content["request_id"] == "r6" && entries[2].filter == ["identity": "ann@example.com"])
            let verdict = try await control.verifyAudit(project: "default")
            #expect(verdict.isIntact && verdict.entries == 8 && verdict.lastHash == entries[0].hash)
            #expect(try await control.verifyAudit(project: "other").entries == 0)
            // What was seen before is found again, and what was never there is not.
            for entry in entries {
                #expect(try await control.verifyAudit(project: "default", expecting: entry.hash).isIntact)
            }
            let none = String(repeating: "0", count: 64)
            #expect(try await !control.verifyAudit(project: "default", expecting: none).isIntact)
            let few = try await control.auditEntries(
                project: "default", before: 4, action: "people.show", key: "key_a", limit: 2)
            #expect(few.map(\.number) == [3, 2])
            let others = try await control.auditEntries(
                project: "default", before: nil, action: nil, key: "key_b", limit: 2)
            #expect(others.isEmpty)
        }
    }

    @Test(
        "Whatever is changed, the first entry that is wrong is named",
        arguments: [
            ("UPDATE audit SET content = replace(content, '\"rows\":1', '\"rows\":2') WHERE number = 3", 3),
            ("UPDATE audit SET hash = zeroblob(32) WHERE number = 2", 2),
            ("DELETE FROM audit WHERE number = 4", 4),
            ("DELETE FROM audit WHERE number = 1", 1),
            ("DELETE FROM audit WHERE number < 3", 1),
            ("UPDATE audit SET number = number + 10 WHERE number > 4", 5),
            ("UPDATE audit SET filter = replace(filter, 'other', 'nobody') WHERE number = 5", 5),
            ("UPDATE audit SET salt = zeroblob(16) WHERE number = 5", 5),
            ("UPDATE audit SET filter = NULL WHERE number = 5", 5),
            ("UPDATE audit SET filter = NULL, salt = NULL WHERE number = 5", 5),
            ("UPDATE audit SET filter = NULL, salt = NULL, redacted_by = 6 WHERE number = 5", 5),
            ("UPDATE audit SET action = 'people.list' WHERE number = 6", 6),
            ("UPDATE audit SET key = 'owner' WHERE number = 2", 2),
        ])
    func changes(_ change: String, _ broken: Int) async throws {
        let verdict = try await verdict(after: change)
        #expect(verdict.brokenAt == Int64(broken) && !verdict.isIntact && verdict.reason != nil, "\(change)")
    }

    @Test("What names somebody goes, the chain holds, and who takes out more is found")
    func redaction() async throws {
        try await withControl { control, directory in
            try await fill(control)
            let isNamed: @Sendable (JSONValue) -> Bool = { $0["identity"] == "ann@example.com" }
            #expect(try await control.redactAudit(project: "default", isNamed) == 3)
            #expect(try await control.redactAudit(project: "default", isNamed) == 0)
            try await control.scrub()
            #expect(try filesHolding("ann@example.com", in: directory) == [])
            let entries = try await control.auditEntries(
                project: "default", before: nil, action: nil, key: nil, limit: 100)
            #expect(entries.map(\.redactedBy) == [nil, 7, nil, 7, nil, 7, nil])
            #expect(entries[0].content["redacted"]?["entries"] == 3 && entries[1].filter == nil)
            let verdict = try await control.verifyAudit(project: "default")
            #expect(verdict.isIntact && verdict.redacted == 3 && verdict.entries == 7)
            // Another erasure has an entry of its own.
            #expect(try await control.redactAudit(project: "default") { $0["identity"] == "other" } == 3)
            #expect(try await control.verifyAudit(project: "default").redacted == 6)
            try await fill(control, 2)
            try await control.write { db in
                try db.execute(
                    sql:
                        "UPDATE audit SET filter = NULL, salt = NULL, redacted_by = 7 WHERE redacted_by IS NULL AND number = 9"
                )
            }
            #expect(try await control.verifyAudit(project: "default").brokenAt == 9)
        }
    }

    @Test("What is asked at length is kept in short, and no text is cut in two")
    func bounds() throws {
        let many = JSONValue.array((0..<1_000).map { .string("person\($0)@example.com") })
        let text = AuditFilter.text(["identities": many])
        #expect(
            text.utf8.count <= AuditFilter.mostBytes && text.contains("person19@") && text.contains("\"omitted\":980"))
        let long = AuditFilter.text(["name": .string(String(repeating: "x", count: 9_000)), "limit": 5])
        #expect(long == #"{"name":{"omitted_bytes":9000},"limit":5}"#)
        let wide = JSONValue.object((0..<2_000).map { .init("key \($0)", "x") })
        #expect(AuditFilter.text(wide).hasPrefix(#"{"omitted_bytes":"#))
        #expect(AuditFilter.text(["a": 1]) == #"{"a":1}"#)
    }
}
