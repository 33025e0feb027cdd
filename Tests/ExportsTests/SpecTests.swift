import Exports
import Model
import Testing

@Suite("A specification is checked, resolved, and repeats itself")
struct SpecTests {
    private static let now = Timestamp(microseconds: 1_700_000_000_000_000)

    private func resolve(_ json: String) throws -> ResolvedSpec {
        try spec(json).resolve(durableSeq: 100, now: Self.now) { local throws(ExportError) in
            Timestamp(microseconds: local - 3_600_000_000)
        }
    }

    @Test(arguments: [
        (#"[]"#, "an export is a JSON object"), (#"{}"#, "\"dataset\" is missing"),
        (#"{"dataset":"x"}"#, "dataset: there is no dataset"),
        (#"{"dataset":"events","colums":[]}"#, "there is no field \"colums\"; there are dataset"),
        (#"{"dataset":"events","columns":"seq"}"#, "\"columns\" is a list of texts"),
        (#"{"dataset":"events","columns":["nope"]}"#, "columns[0]: events have no column"),
        (#"{"dataset":"events","where":{"x":1}}"#, "where: a condition needs one of"),
        (#"{"dataset":"events","format":"xml"}"#, "\"format\" is one of csv, ndjson, parquet"),
        (#"{"dataset":"events","part_rows":0}"#, "\"part_rows\" is a whole number above 0"),
        (#"{"dataset":"events","from":"last tuesday"}"#, "\"from\": \"last tuesday\" is no time"),
        (
            #"{"dataset":"events","from":"2024-02-02","to":"2024-01-01"}"#,
            "\"from\" (2024-02-02T00:00:00.000000Z) is after"
        ),
        (#"{"dataset":"events","seq_from":9,"order":"timestamp"}"#, "a range of seq is always in the order"),
        (#"{"dataset":"events","seq_from":9,"seq_to":8}"#, "\"seq_from\" (9) is after"),
        (#"{"dataset":"events","seq_to":101}"#, "\"seq_to\" (101) is beyond what is stored (100)"),
        (#"{"dataset":"people","order":"timestamp"}"#, "people have one order only"),
        (#"{"dataset":"identities","from":"2024-01-01"}"#, "identities have no time"),
    ])
    func refuses(_ json: String, _ start: String) {
        let error = #expect(throws: ExportError.self) { _ = try resolve(json) }
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("2024-01-31", "UTC", "2024-01-31T00:00:00.000000Z"), ("2024-01-31", "+02:00", "2024-01-30T22:00:00.000000Z"),
        ("2024-01-31", "Europe/Somewhere", "2024-01-30T23:00:00.000000Z"),
        ("2024-01-31 10:00:00.5", "-01:00", "2024-01-31T11:00:00.500000Z"),
        ("2024-01-31T10:00:00+02:00", "Europe/Somewhere", "2024-01-31T08:00:00.000000Z"),
        ("1706695200.25", "+05:00", "2024-01-31T10:00:00.250000Z"), ("-7d", "UTC", "2023-11-07T22:13:20.000000Z"),
        ("-90m", "UTC", "2023-11-14T20:43:20.000000Z"), ("now", "UTC", "2023-11-14T22:13:20.000000Z"),
    ])
    func times(_ text: String, zone: String, moment: String) throws {
        let resolved = try resolve(#"{"dataset":"events","from":"\#(text)","to":"9999-01-01","timezone":"\#(zone)"}"#)
        #expect(resolved.from?.text == moment)
    }

    @Test(arguments: [
        #"{"dataset":"events"}"#,
        #"{"dataset":"property-changes","columns":["seq","value as v"],"from":"-3d","timezone":"Europe/X","part_rows":7}"#,
        #"{"dataset":"events","where":{"event":"A"},"seq_from":3,"format":"ndjson","compression":"zstd","identified":true}"#,
        #"{"dataset":"people","seq_from":3,"seq_to":20,"format":"parquet"}"#,
        #"{"dataset":"aliases","as_of_seq":50,"as_of":"2024-01-01"}"#,
        #"{"dataset":"people","where":{"did":"A","within":{"from":"2024-01-01"}},"timezone":"+02:00"}"#,
        #"{"dataset":"events","where":{"not":{"did":"A","within":"7d"}},"timezone":"+02:00"}"#,
    ])
    func resolvedReadsBackAsItself(_ json: String) throws {
        let resolved = try resolve(json)
        let again = try ExportSpec(json: resolved.json)
            .resolve(durableSeq: 10_000, now: Timestamp(microseconds: 0)) { _ throws(ExportError) in Self.now }
        #expect(again == resolved)
    }

    /// What can be checked before now and zones are known leaves the order of times alone.
    @Test(arguments: [
        ("2024-03-10", "2024-03-11T04:00:00Z"), ("2023-01-01", "-1d"), ("2024-03-10", "1710129600"),
        ("-7d", "2024-03-11"), ("-7d", "2024-03-11T04:00:00Z"), ("2024-03-10T00:00:00Z", "2024-03-11"),
    ])
    func timesInZonesByNameGoWithOthers(_ from: String, _ to: String) throws {
        let json = #"{"dataset":"events","from":"\#(from)","to":"\#(to)","timezone":"Europe/Paris"}"#
        try spec(json).check()
        let resolved = try resolve(json)
        #expect(resolved.from != nil && resolved.to != nil)
        let swapped = #"{"dataset":"events","from":"\#(to)","to":"\#(from)","timezone":"Europe/Paris"}"#
        let error = #expect(throws: ExportError.self) { _ = try resolve(swapped) }
        #expect(error?.message.hasPrefix("\"from\" (") == true && error?.message.contains("9999") == false)
    }

    @Test(arguments: [
        #"{"dataset":"events","timezone":"Mars/Base"}"#, #"{"dataset":"people","timezone":"Mars/Base"}"#,
        #"{"dataset":"events","from":"2024-03-10T00:00:00Z","timezone":"Mars/Base"}"#,
        #"{"dataset":"events","from":"2024-03-10","to":"-1d","timezone":"Mars/Base"}"#,
    ])
    func anUnknownZoneIsAlwaysAnError(_ json: String) async throws {
        let message = try await LiveStore.with { live in
            let error = await #expect(throws: ExportError.self) { _ = try await live.resolve(try spec(json)) }
            return error?.message
        }
        #expect(message?.hasPrefix("\"timezone\": there is no zone \"Mars/Base\"") == true)
    }

    @Test func zonesByNameComeFromTheEngine() async throws {
        let moments = try await LiveStore.with { live in
            let one = try await live.resolve(
                try spec(#"{"dataset":"events","from":"2024-01-31","to":"2024-07-31","timezone":"Europe/Berlin"}"#))
            let error = await #expect(throws: ExportError.self) {
                _ = try await live.resolve(
                    try spec(#"{"dataset":"events","from":"2024-01-31","timezone":"Mars/Base"}"#))
            }
            return [one.from?.text, one.to?.text, error?.message]
        }
        #expect(
            moments == [
                "2024-01-30T23:00:00.000000Z", "2024-07-30T22:00:00.000000Z",
                "\"timezone\": there is no zone \"Mars/Base\"; write UTC, an offset such as +02:00, or a name such as Europe/Berlin",
            ])
    }
}
