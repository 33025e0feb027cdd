import Foundation
import Journal
import Model
import Testing

@testable import EventStore

@Suite("The store tells what of an import it has")
struct StoredContentTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private func time(_ second: Int64) -> Timestamp {
        Timestamp(microseconds: (1_700_000_000 + second) * 1_000_000)
    }

    private func event(_ identity: String, _ name: String, at second: Int64 = 0, nth: Int = 1) -> SoughtContent {
        .event(identity: bytes(identity), name: bytes(name), time: time(second), nth: nth)
    }

    private func change(
        _ identity: String, _ name: String, _ value: String, at second: Int64 = 0, folds: Bool = false, nth: Int = 1
    ) -> SoughtContent {
        .change(
            identity: bytes(identity), name: bytes(name), folds: folds, value: bytes(value), time: time(second),
            nth: nth)
    }

    private func alias(_ identity: String, _ other: String, at second: Int64 = 0) -> SoughtContent {
        .alias(identity: bytes(identity), other: bytes(other), time: time(second))
    }

    @Test func byWhatTheySay() async throws {
        let folder = try TemporaryFolder()
        try await StoreFixture.with(folder) { fixture in
            try await fixture.apply([
                kissmetrics("ann", "Signed Up", #"{"Plan":"pro"}"#), kissmetrics("ann", "signed up", "{}"),
                item(.event, "ann", name: "a,b:c", at: 5), item(.set, "bob", #"{"Näme":1.50,"x":null}"#),
                item(.alias, "bob", other: "ann", ""), item(.reject, name: "why", "raw \u{0}"),
            ])
            let known: [SoughtContent] = [
                event("ann", "signed up"), event("ann", "signed up", nth: 2), event("ann", "a b c", at: 5),
                change("ann", "plan", "\"pro\"", folds: true), change("ann", "Plan", "\"pro\""),
                change("bob", "Näme", "1.50"), change("bob", "näme", "1.50", folds: true), change("bob", "x", "null"),
                alias("bob", "ann"), alias("ann", "bob"), .reject(reason: bytes("why"), raw: bytes("raw \u{0}")),
            ]
            let unknown: [SoughtContent] = [
                event("ann", "signed up", nth: 3), event("ann", "signed up", at: 1), event("bob", "signed up"),
                event("Ann", "signed up"), event("ann", "a,b:c", at: 5), change("ann", "plan", "\"pro\""),
                change("ann", "Plan", "\"Pro\""), change("ann", "Plan", "\"pro\"", at: 1),
                change("bob", "Plan", "\"pro\""), change("bob", "Näme", "1.5"),
                change("bob", "Näme", "1.50", nth: 2), alias("bob", "ann", at: 1), alias("bob", "carl"),
                .reject(reason: bytes("why"), raw: bytes("raw")),
            ]
            let all = known + unknown
            let last = fixture.store.appliedSeq
            #expect(try await fixture.store.places(of: all, upTo: last) == Set(known.indices))
            // Only of what was stored early enough: the second event and what came after it do not count.
            #expect(try await fixture.store.places(of: all, upTo: 1) == [0, 3, 4])
            #expect(try await fixture.store.places(of: all, upTo: 0).isEmpty)
            #expect(try await fixture.store.places(of: [], upTo: last).isEmpty)
        }
    }
}
