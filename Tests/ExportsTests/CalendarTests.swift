import EventStore
import Model
import Testing

@testable import Exports

@Suite("Periods of the calendar are those of the zone")
struct CalendarTests {
    @Test(arguments: [
        // Clocks go forward on this day.
        ("2026-03-29T12:00:00Z", "today", "2026-03-28T23:00:00Z"),
        ("2026-03-29T12:00:00Z", "tomorrow", "2026-03-29T22:00:00Z"),
        ("2026-03-29T12:00:00Z", "this_week", "2026-03-22T23:00:00Z"),
        ("2026-03-29T12:00:00Z", "this_month", "2026-02-28T23:00:00Z"),
        ("2026-03-29T12:00:00Z", "last_quarter", "2025-09-30T22:00:00Z"),
        ("2026-03-29T12:00:00Z", "this_year", "2025-12-31T23:00:00Z"),
        // Clocks go back: the hour from 00:00Z and that from 01:00Z are the same by the clock.
        ("2026-10-25T00:30:00Z", "today", "2026-10-24T22:00:00Z"),
        ("2026-10-25T01:30:00Z", "today", "2026-10-24T22:00:00Z"),
        ("2026-10-25T23:30:00Z", "today", "2026-10-25T23:00:00Z"),
        ("2026-12-31T23:30:00Z", "this_year", "2026-12-31T23:00:00Z"),
    ])
    func berlin(_ now: String, _ text: String, _ wanted: String) async throws {
        try await LiveStore.with { live in
            let now = try #require(WrittenTime(now)).timestamp()
            let found = try await live.store.moment(text, path: "from", timezone: "Europe/Berlin", now: now)
            #expect(found == WrittenTime(wanted)?.timestamp(), "\(found.text)")
        }
    }

    @Test("An export's range and its windows may be periods, and its specification keeps moments")
    func ranges() async throws {
        try await LiveStore.with { live in
            let day = 86_400 as Int64
            let noon = 1_778_673_600 as Int64  // 2026-05-13T12:00:00Z
            try await live.write([
                item(.event, "ann", name: "A", at: noon - 40 * day, id: "1"),
                item(.event, "bob", name: "A", at: noon - 13 * day, id: "2"),
                item(.event, "cid", name: "A", at: noon - 1 * day, id: "3"),
            ])
            var asked = try spec(
                #"{"dataset":"events","columns":["identity"],"from":"last_month","to":"this_month","timezone":"+02:00"}"#
            )
            asked.asOf = String(noon)
            let resolved = try await live.resolve(asked)
            #expect(resolved.from?.text == "2026-03-31T22:00:00.000000Z")
            #expect(resolved.to?.text == "2026-04-30T22:00:00.000000Z")
            try await live.export(resolved, to: "a.csv")
            #expect(try live.contents("a.csv") == "identity\r\nann\r\nbob\r\n")
            let people = try spec(
                #"{"dataset":"people","columns":["identities"],"where":{"did":"A","within":"last_month"},"as_of":1778673600}"#
            )
            let text = try await live.resolve(people).json.text
            #expect(
                text.contains(#""from":"2026-04-01T00:00:00.000000Z","to":"2026-05-01T00:00:00.000000Z""#), "\(text)")
        }
    }
}
