import Model
import People
import Testing

/// One step of a story: what is written.
enum Step: Sendable, CustomTestStringConvertible {
    case event(String)
    case alias(String, String)
    case derived(String, String)
    /// Takes back the alias that was written as the n-th step, counted from 1.
    case undo(step: Int)

    var testDescription: String {
        switch self {
        case .event(let a): "event \(a)"
        case .alias(let a, let b): "\(a)=\(b)"
        case .derived(let a, let b): "\(a)~\(b)"
        case .undo(let step): "undo \(step)"
        }
    }
}

@Suite("Aliases as lookups see them")
struct AliasGoldenTests {
    @Test(
        "golden stories: steps, then the groups in the order of their first appearance",
        arguments: [
            ([.event("a"), .event("b"), .alias("a", "b")], ["a b"]),
            // Symmetric, and before either was seen.
            ([.alias("b", "a"), .event("a"), .event("b")], ["b a"]),
            // The older one stands whichever side it is on.
            ([.event("a"), .event("b"), .alias("b", "a")], ["a b"]),
            // Repeats change nothing.
            ([.event("a"), .alias("a", "b"), .alias("b", "a"), .alias("a", "b")], ["a b"]),
            // Chains, in any order.
            ([.alias("a", "b"), .alias("b", "c"), .alias("c", "d")], ["a b c d"]),
            ([.alias("c", "d"), .alias("a", "b"), .alias("b", "c")], ["c d a b"]),
            ([.alias("a", "b"), .alias("c", "d"), .event("e")], ["a b", "c d", "e"]),
            // Undone, and tied again.
            ([.alias("a", "b"), .undo(step: 1)], ["a", "b"]),
            ([.alias("a", "b"), .alias("b", "a"), .undo(step: 1)], ["a", "b"]),
            ([.alias("a", "b"), .undo(step: 1), .alias("a", "b")], ["a b"]),
            ([.alias("a", "b"), .undo(step: 1), .derived("a", "b")], ["a", "b"]),
            ([.derived("a", "b")], ["a b"]),
            ([.alias("a", "b"), .undo(step: 1), .derived("a", "b"), .alias("b", "a")], ["a b"]),
            // A chain breaks where the link was; a ring does not.
            ([.alias("a", "b"), .alias("b", "c"), .alias("c", "d"), .undo(step: 2)], ["a b", "c d"]),
            ([.alias("a", "b"), .alias("b", "c"), .alias("c", "a"), .undo(step: 2)], ["a b c"]),
            ([.alias("a", "b"), .alias("b", "c"), .undo(step: 1), .undo(step: 1)], ["a", "b c"]),
        ] as [([Step], [String])])
    func story(_ steps: [Step], _ groups: [String]) async throws {
        try await LiveStore.with { live in
            var seqs: [Int64] = []
            for step in steps {
                switch step {
                case .event(let identity): seqs.append(try await live.write([item(.event, identity, name: "e")]))
                case .alias(let a, let b): seqs.append(try await live.write([item(.alias, a, other: b)]))
                case .derived(let a, let b):
                    seqs.append(try await live.write([item(.alias, a, other: b, flags: .derivedAlias)]))
                case .undo(let step): seqs.append(try await undo(seqs[step - 1], live) ?? 0)
                }
            }
            let people = try await live.people.people().elements
            #expect(people.map { $0.identities.joined(separator: " ") } == groups)
            for person in people {
                for identity in person.identities {
                    #expect(try await live.people.person(identity: identity) == person)
                }
                #expect(try await live.people.person(person.id) == .person(person))
            }
        }
    }

    /// Takes an alias back as the server does; nil if it was taken back before.
    private func undo(_ seq: Int64, _ live: LiveStore) async throws -> Int64? {
        switch try await live.people.undo(alias: seq, at: Timestamp(microseconds: 1)) {
        case .write(let item): return try await live.write([item])
        case .undone: return nil
        case .unknown:
            Issue.record("no alias \(seq)")
            return nil
        }
    }

    @Test func aMergeMovesTheYoungerIDAndAnUndoBringsItBack() async throws {
        try await LiveStore.with { live in
            try await live.write([
                item(.event, "a", name: "one", at: 10), item(.event, "b", name: "two", at: 20),
                item(.set, "a", "{\"plan\":\"free\"}", at: 10),
                item(.set, "b", "{\"plan\":\"pro\",\"n\":1.50}", at: 20),
            ])
            let (a, b) = (PersonID(1), PersonID(2))
            // What is remembered of somebody who is alone ends with the alias.
            #expect(try await live.people.person(identity: "b")?.id == b)
            #expect(try await live.people.events(of: a).elements.map(\.event) == ["one"])
            let alias = try await live.write([item(.alias, "b", other: "a", at: 30)])
            #expect(try await live.people.person(b) == .moved(to: a))
            let person = try #require(try await live.people.person(identity: "b"))
            #expect(
                text(person.json) == """
                    {"id":"p_b","identities":["a","b"],"properties":{"n":1.50,"plan":"pro"},\
                    "first_seen":"1970-01-01T00:00:10.000000Z","last_seen":"1970-01-01T00:00:20.000000Z","events_total":2}
                    """)
            #expect(try await live.people.events(of: a).elements.map(\.event) == ["two", "one"])
            #expect(try await live.people.property("plan", of: a, .first).map { text($0.value) } == "\"free\"")
            #expect(try await live.people.changes(of: a).elements.map(\.name) == ["n", "plan", "plan"])
            _ = try await undo(alias, live)
            let apart = try #require(try await live.people.person(identity: "b"))
            #expect(apart.id == b && apart.eventsTotal == 1 && text(apart.properties) == #"{"n":1.50,"plan":"pro"}"#)
            #expect(try await live.people.events(of: a).elements.map(\.event) == ["one"])
            let record = try #require(try await live.people.aliases().elements.first)
            #expect(record.seq == alias && record.undoneSeq != nil && record.identity == "b" && record.other == "a")
        }
    }

    @Test func aRejectIsListedAsItCame() async throws {
        try await LiveStore.with { live in
            var reject = item(.reject, "", name: "the identity is empty", "{\"event\": \"x\"")
            reject.receivedAt = Timestamp(microseconds: 5)
            let seq = try await live.write([reject])
            let page = try await live.people.rejects()
            #expect(
                text(page.json) == """
                    {"data":[{"seq":\(seq),"received_at":"1970-01-01T00:00:00.000005Z","protocol":"native",\
                    "reason":"the identity is empty","raw":"{\\"event\\": \\"x\\""}],"next_cursor":null}
                    """)
        }
    }

    @Test func aWalkThroughEventsGoesOnWhileEventsArrive() async throws {
        try await LiveStore.with { live in
            try await live.write((0..<10).map { item(.event, "a", name: "e\($0)", at: Int64($0 % 3)) })
            let whole = try await live.people.events(of: PersonID(1)).elements
            var seen: [PersonEvent] = []
            var cursor: String?
            repeat {
                let page = try await live.people.events(of: PersonID(1), limit: 3, cursor: cursor)
                seen += page.elements
                cursor = page.nextCursor
                try await live.write([item(.event, "a", name: "late", at: 0), item(.event, "a", name: "new", at: 9)])
            } while cursor != nil
            #expect(seen == whole && seen.count == 10)
        }
    }
}
