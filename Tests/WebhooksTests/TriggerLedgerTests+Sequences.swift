import Connectors
import Model
import Testing

@testable import Triggers
@testable import Webhooks

extension TriggerLedgerTests {
    @Test(
        "A sequence that is changed keeps what it has heard of: of the same steps, and of the same that must not follow",
        arguments: [
            // The steps have other windows: they are still known when it comes due.
            ("[{\"event\":\"S\"},{\"event\":\"A\",\"within\":\"2h\"}]", false, 1),
            ("[{\"event\":\"S\"},{\"event\":\"A\",\"within\":\"2h\"}]", true, 0),
            // Others: nothing has led to it.
            ("[{\"event\":\"T\"},{\"event\":\"A\",\"within\":\"1h\"}]", false, 0),
            // A window that is over by now.
            ("[{\"event\":\"S\"},{\"event\":\"A\",\"within\":\"1s\"}]", false, 0),
        ])
    func changedSequence(steps: String, isEnded: Bool, fires: Int) async throws {
        let outbox = try Outbox()
        let endpoint = try await outbox.endpoint(["url": "https://r.example/", "events": []])
        func when(_ steps: String) -> String {
            "{\"sequence\":\(steps),\"absent\":{\"event\":\"B\",\"within\":\"30m\"}}"
        }
        let made = try await Self.trigger(
            outbox, when("[{\"event\":\"S\"},{\"event\":\"A\",\"within\":\"1h\"}]"), [.endpoint(endpoint.id)])
        try await Self.take([Self.item(1, "S", outbox)], outbox)
        outbox.advance(60)
        try await Self.take([Self.item(2, "A", outbox)], outbox)
        outbox.advance(60)
        if isEnded { try await Self.take([Self.item(3, "B", outbox)], outbox) }
        _ = try await outbox.store.update(
            made.id, name: nil, when: try JSONValue(text: when(steps)), actions: nil, open: .migrate, project: "p",
            by: "k", now: outbox.now)
        outbox.advance(3_600)
        try await Self.take([], due: true, outbox)
        #expect(try await outbox.claim(endpoint).count == fires)
    }
}
