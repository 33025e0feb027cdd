import DuckDB
import EventStore
import Model
import Testing

@testable import Exports

private func text(_ moment: String, _ zone: inout WrittenZone) throws -> String {
    let microseconds = try #require(WrittenTime(moment)).timestamp().microseconds
    var numbers = NumberWriter()
    var out = Output(capacity: 32)
    numbers.put(time: microseconds, offset: zone.offset(at: microseconds), &out)
    return unsafe String(decoding: out.bytes, as: UTF8.self)
}

@Suite("Times are written in a zone, each with its offset")
struct ZoneTests {
    @Test(arguments: [
        (Int64(0), "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000+00:00"),
        (7_200, "2026-12-31T23:59:59.999999Z", "2027-01-01T01:59:59.999999+02:00"),
        (-34_200, "2026-01-01T00:00:00Z", "2025-12-31T14:30:00.000000-09:30"),
        // From before standard times: rounded to the minute, and still the same moment.
        (3_208, "1890-01-01T00:00:00Z", "1890-01-01T00:53:00.000000+00:53"),
        (-2_192, "1890-01-01T00:00:00Z", "1889-12-31T23:23:00.000000-00:37"),
        (20, "1890-01-01T00:00:00Z", "1890-01-01T00:00:00.000000+00:00"),
        // No year has five digits.
        (3_600, "9999-12-31T23:30:00Z", "9999-12-31T23:30:00.000000+00:00"),
        (-3_600, "0001-01-01T00:30:00Z", "0001-01-01T00:30:00.000000+00:00"),
        (3_600, "9999-12-31T22:30:00Z", "9999-12-31T23:30:00.000000+01:00"),
    ])
    func fixed(_ seconds: Int64, _ moment: String, _ wanted: String) throws {
        var zone = WrittenZone(fixed: seconds)
        let written = try text(moment, &zone)
        #expect(written == wanted)
        #expect(WrittenTime(written)?.timestamp() == WrittenTime(moment)?.timestamp())
    }

    @Test func changesHoldFromTheirMoment() {
        var zone = WrittenZone(first: 0, changes: [(at: 100, offset: 3_600), (at: 200, offset: -60)])
        for (moment, offset) in [(99, 0), (100, 60), (199, 60), (200, -1), (5_000, -1), (150, 60), (-1, 0)] {
            #expect(zone.offset(at: Int64(moment) * 1_000_000) == Int64(offset))
            #expect(zone.offset(at: Int64(moment) * 1_000_000 + 999_999) == Int64(offset))
        }
        #expect(zone.offset(at: .min) == 0)
    }

    @Test(arguments: [
        ("Europe/Berlin", "2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999+01:00"),
        ("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00.000000+02:00"),
        ("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59.000000+02:00"),
        ("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00.000000+01:00"),
        ("Europe/Berlin", "1890-01-01T00:00:00Z", "1890-01-01T00:53:00.000000+00:53"),
        ("Europe/Berlin", "3026-07-01T00:00:00Z", "3026-07-01T02:00:00.000000+02:00"),
        ("America/New_York", "2024-03-10T06:59:59Z", "2024-03-10T01:59:59.000000-05:00"),
        ("America/New_York", "2024-03-10T07:00:00Z", "2024-03-10T03:00:00.000000-04:00"),
        ("America/New_York", "2024-11-03T06:00:00Z", "2024-11-03T01:00:00.000000-05:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05T01:30:00.000000+10:30"),
        ("Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T05:45:00.000000+05:45"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00:00.000000+14:00"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T23:59:59.000000-10:00"),
    ])
    func byName(_ name: String, _ moment: String, _ wanted: String) async throws {
        let zone = try await LiveStore.with { live in
            try await live.store.read { connection in try ZoneChanges.zone(name, connection) }
        }
        var copy = zone
        #expect(try text(moment, &copy) == wanted)
    }

    /// What was gathered beforehand is what the engine says of each moment, to the second around every change, and where
    /// rules repeat.
    @Test(arguments: [
        "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Asia/Gaza", "Africa/Freetown", "America/Sao_Paulo",
        "Asia/Manila", "Antarctica/Troll", "America/Recife", "Etc/GMT-3",
    ])
    func theEngineAgrees(_ name: String) async throws {
        let differences = try await LiveStore.with { live in
            try await live.store.read { connection in
                var zone = try ZoneChanges.zone(name, connection)
                var generator = SeededGenerator(seed: 11)
                let far = (0..<4_000).map { _ in Int64.random(in: -6_000_000_000..<60_000_000_000, using: &generator) }
                let near = (0..<4_000).map { _ in Int64.random(in: -2_000_000_000..<4_000_000_000, using: &generator) }
                // Every half hour around the changes of three years, a second before and after.
                let close = (1_700_000_000 / 1_800..<1_795_000_000 / 1_800).flatMap { [$0 * 1_800 - 1, $0 * 1_800] }
                let all = (far + near + close.map { Int64($0) }).map(String.init).joined(separator: ",")
                let rows = try connection.query(
                    """
                    SELECT t, CAST(epoch_us(timezone('\(name)', make_timestamptz(t * 1000000))) // 1000000 AS BIGINT) - t
                    FROM (SELECT unnest([\(all)]::BIGINT[]) AS t)
                    """)
                var differences: [Int64] = []
                while let chunk = try rows.nextChunk() {
                    for row in 0..<chunk.rowCount {
                        let (moment, offset) = (chunk.int64(0, row: row), chunk.int64(1, row: row))
                        let minutes = Int64((Double(offset) / 60).rounded(.toNearestOrAwayFromZero))
                        if zone.offset(at: moment * 1_000_000) != minutes { differences.append(moment) }
                    }
                }
                return differences
            }
        }
        #expect(differences.isEmpty, "\(name): \(differences.prefix(5)) and \(differences.count) in all")
    }

    @Test func aNameThatIsNoneIsAnError() async throws {
        let message = try await LiveStore.with { live in
            let error = await #expect(throws: ExportError.self) {
                _ = try await live.resolve(try spec(#"{"dataset":"events","timezone":"Mars/Base","bom":true}"#))
            }
            return error?.message ?? ""
        }
        #expect(message.hasPrefix("\"timezone\": there is no zone \"Mars/Base\""))
    }
}
