import EventStore
import Exports
import Model
import Testing

@Suite("A manifest says where history that it asks for is gone")
struct AgedTests {
    /// What is asked, and whether that is so once what happened before second 500 is gone; items with `seq` up to 4 did.
    private static let asked: [(spec: String, isAged: Bool)] = [
        (#""dataset":"events""#, true),
        (#""dataset":"events","from":"1970-01-01T00:08:20Z""#, false),
        (#""dataset":"events","from":"1970-01-01T00:08:19Z""#, true),
        (#""dataset":"events","seq_from":4"#, false),
        (#""dataset":"events","seq_from":3"#, true),
        (#""dataset":"events","seq_from":4,"where":{"property":"n","exists":true}"#, false),
        (#""dataset":"events","seq_from":4,"where":{"not":{"any":[{"event":"X"},{"did":"Joined"}]}}"#, true),
        (#""dataset":"events","seq_from":4,"columns":["seq","person.plan"]"#, true),
        (#""dataset":"property_changes","seq_from":4"#, false),
        (#""dataset":"people","columns":["person_id"]"#, false),
        (#""dataset":"people","columns":["person_id"],"seq_from":3"#, true),
        (#""dataset":"people","columns":["person_id","first(Joined)"]"#, true),
        (#""dataset":"people","columns":["person_id","count(Joined)"]"#, true),
        (#""dataset":"people""#, true),
        (#""dataset":"aliases""#, false),
        (#""dataset":"identities""#, false),
        (#""dataset":"identities","where":{"did":"Joined"}"#, true),
    ]

    @Test func whatIsGoneIsSaid() async throws {
        try await LiveStore.with { live in
            try await live.write([
                item(.event, "ann", name: "Joined", at: 10, id: "a"),
                item(.event, "bob", name: "Joined", at: 10, id: "b"),
                item(.set, "ann", #"{"plan":"free"}"#, at: 20), item(.event, "ann", name: "Seen", at: 30, id: "c"),
                item(.set, "ann", #"{"plan":"pro"}"#, at: 600), item(.event, "ann", name: "Seen", at: 600, id: "d"),
                item(.event, "cy", name: "Seen", at: 700, id: "e"),
            ])
            var before: [(spec: ResolvedSpec, manifest: Manifest)] = []
            for (number, asked) in Self.asked.enumerated() {
                let resolved = try await live.resolve(try spec("{\(asked.spec)}"))
                let manifest = try await live.export(resolved, to: "before\(number).csv")
                #expect(manifest.aged == nil && manifest.erasureEpoch == 0, "\(asked.spec)")
                before.append((resolved, manifest))
            }
            _ = try await live.store.remove(.aged([.init(before: Timestamp(microseconds: 500_000_000))]))
            let gone: JSONValue? = ["before": "1970-01-01T00:08:20.000000Z", "through": 4]
            // Values that hold as of now are all there: what a later one replaced after an earlier moment is not.
            var now = try await live.resolve(try spec(#"{"dataset":"people","columns":["identities","person.plan"]}"#))
            #expect(try await live.export(now, to: "now.csv").aged == nil)
            now = try await live.resolve(try spec(#"{"dataset":"people","columns":["person.plan"],"as_of_seq":4}"#))
            #expect(try await live.export(now, to: "then.csv").aged == gone)
            for (number, asked) in Self.asked.enumerated() {
                let (old, manifest) = (before[number].manifest, try await live.export(before[number].spec, to: "a.csv"))
                // As of what was there when retention ran.
                let isAged = asked.isAged && !asked.spec.contains("person.plan")
                #expect(manifest.aged == (isAged ? gone : nil), "\(asked.spec)")
                #expect(manifest.erasureEpoch == 1)
                #expect(manifest.aged != nil || manifest.sha256 == old.sha256, "\(asked.spec)")
                #expect(try Manifest(json: manifest.json) == manifest)
            }
        }
    }
}
