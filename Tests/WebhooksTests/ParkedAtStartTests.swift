import Connectors
import Model
import Testing

@testable import Webhooks

@Suite("What was parked when the server started")
struct ParkedAtStartTests {
    @Test("It is known, whether endpoints are asked for before or after", arguments: [false, true])
    func order(isLate: Bool) async throws {
        let outbox = try Outbox()
        let record = try await outbox.endpoint(["url": "https://a.example/", "events": ["*"]])
        let endpoint = try #require(try await outbox.store.live().endpoints.first { $0.record.id == record.id })
        var state = DispatchState()
        if isLate {
            state.update([endpoint], now: outbox.now)
            // What is parked meanwhile comes after it.
            state.runs[record.number]?.parkedFrom = 90
        }
        state.park([record.number: 7, 1_000: 3])
        state.update([endpoint], now: outbox.now)
        #expect(state.parkedFrom([record.number, 1_000]) == [record.number: 7])
        #expect(state.runs[record.number]?.mayBeDue == true)
    }
}
