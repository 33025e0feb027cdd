import Model
import Testing

@testable import Control
@testable import Server

@Suite("Who an export names is looked for where values stand, and nowhere else")
struct NamedExportTests {
    private func record(_ spec: JSONValue, out: String? = nil, manifest: JSONValue? = nil) -> ExportRecord {
        ExportRecord(
            number: 1, id: "exp_1", project: "default", status: .succeeded, spec: spec.text, resolved: spec.text,
            outPath: out, rows: 1, percent: nil, error: nil, manifest: manifest?.text,
            createdAt: Timestamp(microseconds: 0), startedAt: nil, finishedAt: nil, removedAt: nil)
    }

    private static let plain: JSONValue = [
        "dataset": "events", "columns": ["identity", "person.plan", "properties.n1 as csv"],
        "where": [
            "all": [
                ["property": "amount", "gt": 12], ["property": "size", "is": 1],
                ["did": "Purchased", "at_least": 1, "within": ["from": "2024-12-12T12:00:00Z"]],
                ["not": ["event": ["storage", "plan"]]],
            ]
        ],
        "from": "2024-01-12T12:01:00Z", "seq_from": 1, "seq_to": 12, "order": "seq", "format": "csv",
        "compression": "none", "as_of_seq": 12, "as_of": "2024-12-12T12:12:12Z",
    ]

    @Test(
        "A short identity that is also a number, a word or a day of the structure names no export",
        arguments: [
            "1", "12", "csv", "seq", "storage", "where", "all", "events", "plan", "amount", "2024", "identity", "none",
            "20241212", "2024-12-12", "12:00:00", "true", "Purchased", "exports", "default", "exp_1", "n1",
        ])
    func structure(_ identity: String) {
        let manifest: JSONValue = [
            "export_id": "exp_1", "dataset": "events", "spec": Self.plain, "rows": 1, "bytes": 12, "sha256": "1",
            "columns": [["name": "identity", "type": "text"]], "parts": [["file": "12.csv", "rows": 1]],
            "schema_version": 1, "erasure_epoch": 1,
        ]
        let found = record(Self.plain, out: "/exports/20241212/2024-12-12/1/12.csv", manifest: manifest)
        #expect(!NamedTexts([identity]).isNamed(in: found), "\(NamedTexts([identity]).redacted(found))")
    }

    @Test(
        "A value of a condition names somebody, however short, at any depth",
        arguments: [
            ["property": "email", "is": "al"], ["person": "email", "is_not": "al"],
            ["property": "email", "in": ["b", "al"]], ["property": "name", "starts_with": "al"],
            ["any": [["property": "p", "exists": true], ["not": ["property": "name", "contains": "al"]]]],
            ["did": "E", "at_least": 2, "where": ["all": [["property": "p", "lte": "al"]]]],
        ] as [JSONValue])
    func values(_ condition: JSONValue) throws {
        let names = NamedTexts(["al"])
        let found = record(["dataset": "events", "where": condition, "as_of_seq": 7])
        #expect(names.isNamed(in: found))
        let redacted = names.redacted(found)
        #expect(!names.isNamed(in: redacted) && redacted.spec.contains("[erased]"))
        #expect(try JSONValue(text: redacted.resolved)["as_of_seq"] == 7)
        #expect(!NamedTexts(["a"]).isNamed(in: found) && !NamedTexts([]).isNamed(in: found))
    }

    @Test("What is hardly anybody else's is found within columns, event names, paths and errors")
    func telling() {
        let address = "ana@example.org"
        let spec: JSONValue = [
            "dataset": "people",
            "columns": [.string("person.\"\(address)\""), .string("count(Wrote to \(address)) as n")],
            "where": [
                "any": [
                    ["event": .string("Wrote to \(address)")],
                    ["property": "url", "contains": .string("mailto:\(address)")],
                ]
            ],
        ]
        let manifest: JSONValue = [
            "spec": spec, "columns": [["name": .string("person.\(address)"), "type": "text"]],
            "parts": [["file": .string("\(address).csv")]],
        ]
        var found = record(spec, out: "/exports/of-\(address).csv", manifest: manifest)
        found.error = "no column person.\(address)"
        let names = NamedTexts([address])
        let redacted = names.redacted(found)
        let texts = [redacted.spec, redacted.resolved, redacted.manifest, redacted.outPath, redacted.error]
        #expect(!texts.contains { $0?.contains(address) ?? true }, "\(redacted)")
        #expect(redacted.outPath == "/exports/of-[erased].csv")
        // Not as a part of a longer word.
        #expect(!NamedTexts(["na@example.org"]).isNamed(in: found))
        for (text, isTelling) in [
            ("user-7", true), ("a@b.io", true), ("15550123456", true), ("1048576", false), ("sluice", false),
            ("c8f1a6f0-55d1-4c5e-9f54-1f0d4c7d9a11", true), ("", false), ("a1", false), ("2024-12-12", false),
        ] { #expect(NamedTexts.isTelling(text) == isTelling, "\(text)") }
    }
}
