import Exports
import Model
import Testing

@Suite("What people did: event columns, and the condition did")
struct DidTests {
    /// Ann has two identities, Bob and Eve one each, and Dan never bought anything. The first purchase of Ann is stored last.
    static let items: [Item] = [
        item(.event, "ann", name: "Bought", #"{"amount":5}"#, at: 1_000, id: "1"),
        item(.event, "ann", name: "Bought", #"{"amount":50}"#, at: 2_000, id: "2"),
        item(.event, "bob", name: "Bought", #"{"amount":20,"kind":"gift"}"#, at: 2_000, id: "3"),
        item(.event, "bob", name: "Left (for good)", at: 2_500, id: "4"),
        item(.event, "dan", name: "Say \"hi\", twice", at: 1_500, id: "5"),
        item(.alias, "ann", other: "a@x.io", "", at: 2_600),
        item(.event, "a@x.io", name: "Bought", #"{"amount":10}"#, at: 3_000, id: "7"),
        item(.event, "eve", name: "Bought as guest", at: 3_000, id: "8"),
        item(.set, "dan", #"{"plan":"pro"}"#, at: 10),
        item(.event, "a@x.io", name: "Bought", #"{"amount":1}"#, at: 500, id: "10"),
    ]

    private func who(_ condition: String, _ more: String = "", dataset: String = "people") async throws -> [String] {
        try await LiveStore.with { live in
            try await live.write(Self.items)
            return try await Self.who(live, condition, more, dataset: dataset)
        }
    }

    private static func who(
        _ live: LiveStore, _ condition: String, _ more: String = "", dataset: String = "people"
    ) async throws -> [String] {
        let column = ["people": "identities", "identities": "identity"][dataset] ?? "seq"
        let text = try await live.text(
            try spec(
                #"{"dataset":"\#(dataset)","columns":["\#(column) as x"],"format":"ndjson","where":\#(condition)\#(more)}"#
            ))
        return text.split(separator: "\n").map { String($0.dropFirst(5).dropLast()) }
    }

    @Test func columnsOfEveryFormat() async throws {
        let columns =
            #"["identities","first(Bought)","last(Bought) as latest","count(Bought)","count(Left (for good)) as left","count(Say \"hi\", twice)","first(Bought as guest)","count(bought)"]"#
        let texts = try await LiveStore.with { live in
            try await live.write(Self.items)
            var out: [String] = []
            for more in [#""as_of_seq":9"#, #""format":"ndjson""#] {
                out.append(try await live.text(try spec(#"{"dataset":"people","columns":\#(columns),\#(more)}"#)))
            }
            return out
        }
        #expect(
            texts == [
                """
                identities,first(Bought),latest,count(Bought),left,"count(Say ""hi"", twice)",first(Bought as guest),count(bought)\r
                "[""ann"",""a@x.io""]",1970-01-01T00:16:40.000000Z,1970-01-01T00:50:00.000000Z,3,0,0,,0\r
                "[""bob""]",1970-01-01T00:33:20.000000Z,1970-01-01T00:33:20.000000Z,1,1,0,,0\r
                "[""dan""]",,,0,0,1,,0\r
                "[""eve""]",,,0,0,0,1970-01-01T00:50:00.000000Z,0\r

                """,
                #"""
                {"identities":["ann","a@x.io"],"first(Bought)":"1970-01-01T00:08:20.000000Z","latest":"1970-01-01T00:50:00.000000Z","count(Bought)":4,"left":0,"count(Say \"hi\", twice)":0,"first(Bought as guest)":null,"count(bought)":0}
                {"identities":["bob"],"first(Bought)":"1970-01-01T00:33:20.000000Z","latest":"1970-01-01T00:33:20.000000Z","count(Bought)":1,"left":1,"count(Say \"hi\", twice)":0,"first(Bought as guest)":null,"count(bought)":0}
                {"identities":["dan"],"first(Bought)":null,"latest":null,"count(Bought)":0,"left":0,"count(Say \"hi\", twice)":1,"first(Bought as guest)":null,"count(bought)":0}
                {"identities":["eve"],"first(Bought)":null,"latest":null,"count(Bought)":0,"left":0,"count(Say \"hi\", twice)":0,"first(Bought as guest)":"1970-01-01T00:50:00.000000Z","count(bought)":0}

                """#,
            ])
    }

    /// As of second 3,000: the ends of windows are met exactly.
    @Test(arguments: [
        (#"{"did":"Bought"}"#, ["ann", "bob"]),
        (#"{"did":["Bought","Bought as guest"]}"#, ["ann", "bob", "eve"]),
        (#"{"did":"Bought","at_least":2}"#, ["ann"]),
        (#"{"did":"Bought","at_least":4}"#, ["ann"]),
        (#"{"did":"Bought","at_least":5}"#, []),
        (#"{"did":"Bought","at_least":0}"#, ["ann", "bob", "dan", "eve"]),
        (#"{"did":"Bought","at_most":0}"#, ["dan", "eve"]),
        (#"{"did":"Bought","exactly":0}"#, ["dan", "eve"]),
        (#"{"did":"Bought","at_most":1}"#, ["bob", "dan", "eve"]),
        (#"{"did":"Bought","exactly":1}"#, ["bob"]),
        (#"{"did":"Bought","at_least":1,"at_most":3}"#, ["bob"]),
        (#"{"not":{"did":"Bought"}}"#, ["dan", "eve"]),
        (#"{"not":{"did":"Bought","at_most":1}}"#, ["ann"]),
        (#"{"did":"bought"}"#, []),
        // [as of - 1000 s, as of): second 2,000 is in, second 3,000 is not.
        (#"{"did":"Bought","within":"1000s"}"#, ["ann", "bob"]),
        (#"{"did":"Bought","within":"999s"}"#, []),
        (#"{"did":"Bought","within":"1000s","at_least":2}"#, []),
        (#"{"did":"Bought","within":"2000s","exactly":2}"#, ["ann"]),
        (#"{"did":"Bought","within":"999s","at_most":0}"#, ["ann", "bob", "dan", "eve"]),
        (#"{"did":"Bought","within":{"from":3000}}"#, ["ann"]),
        (#"{"did":"Bought","within":{"from":"1970-01-01T00:33:20Z","to":"-1000s"}}"#, []),
        (#"{"did":"Bought","within":{"to":501},"exactly":1}"#, ["ann"]),
        // Ann's first purchase is stored last, at second 500, under her other identity.
        (#"{"did":"Bought","within":"2500s","first_ever":true}"#, ["ann", "bob"]),
        (#"{"did":"Bought","within":"2499s","first_ever":true}"#, ["bob"]),
        (#"{"did":"Bought","within":"2500s","first_ever":true,"at_least":3}"#, ["ann"]),
        (#"{"did":"Bought","within":{"to":2000},"first_ever":true,"at_most":2}"#, ["ann"]),
        (#"{"did":"Bought","within":{"from":501,"to":3001},"first_ever":false}"#, ["ann", "bob"]),
        (#"{"did":"Bought","first_ever":true}"#, ["ann", "bob"]),
        // The test is part of what is counted, and of what is the first.
        (#"{"did":"Bought","where":{"property":"amount","gt":10}}"#, ["ann", "bob"]),
        (#"{"did":"Bought","at_least":2,"where":{"property":"amount","gte":10}}"#, ["ann"]),
        (
            #"{"did":"Bought","within":"1500s","first_ever":true,"where":{"property":"amount","gt":10}}"#,
            ["ann", "bob"]
        ),
        (
            #"{"did":"Bought","where":{"all":[{"property":"kind","exists":false},{"not":{"property":"amount","lt":50}}]}}"#,
            ["ann"]
        ),
        (
            #"{"did":["Bought","Bought as guest"],"where":{"any":[{"event":"Bought as guest"},{"property":"kind","is":"gift"}]}}"#,
            ["bob", "eve"]
        ),
        // Together with others.
        (#"{"all":[{"did":"Bought"},{"not":{"did":"Left (for good)"}}]}"#, ["ann"]),
        (#"{"any":[{"did":"Bought","at_least":2},{"person":"plan","is":"pro"}]}"#, ["ann", "dan"]),
        (#"{"all":[{"did":"Bought","at_most":1},{"event":"Bought"},{"property":"amount","gt":10}]}"#, ["bob"]),
    ])
    func people(_ condition: String, _ wanted: [String]) async throws {
        let names = ["ann": #"["ann","a@x.io"]"#]
        let found = try await who(condition, #","as_of":3000"#)
        #expect(found == wanted.map { names[$0] ?? #"["\#($0)"]"# })
    }

    /// On events and the other datasets it asks about the row's person; what was stored later does not count.
    @Test(arguments: [
        ("events", "", ["4", "5", "8"]), ("events", #","order":"seq""#, ["4", "5", "8"]),
        ("property_changes", "", ["9"]), ("aliases", "", []), ("identities", "", [#""bob""#, #""dan""#, #""eve""#]),
        ("events", #","as_of_seq":5,"order":"seq""#, ["4", "5"]), ("aliases", #","as_of_seq":6"#, []),
    ])
    func rowsOfPeople(_ dataset: String, _ more: String, _ wanted: [String]) async throws {
        // Who bought at most once; but for the purchase itself.
        let condition =
            dataset == "events"
            ? #"{"all":[{"did":"Bought","at_most":1},{"not":{"event":"Bought"}}]}"# : #"{"did":"Bought","at_most":1}"#
        #expect(try await who(condition, more, dataset: dataset) == wanted)
    }

    @Test func whatIsStoredLaterAndWhoIsTiedLaterDoNotCount() async throws {
        let found = try await LiveStore.with { live in
            try await live.write(Self.items)
            var out: [[String]] = []
            for seq in [1, 2, 5, 7, 10] {
                out.append(try await Self.who(live, #"{"did":"Bought","at_least":2}"#, #","as_of_seq":\#(seq)"#))
            }
            out.append(try await Self.who(live, #"{"did":"Bought","exactly":3}"#, #","as_of_seq":9"#))
            return out
        }
        let (alone, tied) = (#"["ann"]"#, #"["ann","a@x.io"]"#)
        #expect(found == [[], [alone], [alone], [tied], [tied], [tied]])
    }

    /// Nothing relative is left in what a manifest keeps: an export is repeated years later.
    @Test func aResolvedSpecificationSaysTheSameAgain() async throws {
        let json =
            #"{"dataset":"people","columns":["identities","count(Bought)"],"as_of":3000,"timezone":"Europe/Berlin","where":{"all":[{"did":"Bought","within":"2000s","where":{"property":"amount","gt":1}},{"any":[{"not":{"did":"Bought","within":{"from":"1970-01-01","to":"1970-01-01 01:10"},"at_least":4}},{"event":"x"}]}]}}"#
        try await LiveStore.with { live in
            try await live.write(Self.items)
            let resolved = try await live.resolve(try spec(json))
            #expect(
                resolved.json["where"]?.text
                    == #"{"all":[{"did":"Bought","within":{"from":"1970-01-01T00:16:40.000000Z","to":"1970-01-01T00:50:00.000000Z"},"where":{"property":"amount","gt":1}},{"any":[{"not":{"did":"Bought","within":{"from":"1969-12-31T23:00:00.000000Z","to":"1970-01-01T00:10:00.000000Z"},"at_least":4}},{"event":"x"}]}]}"#
            )
            // The zone was for reading only.
            #expect(resolved.json["timezone"] == nil)
            try await live.export(resolved, to: "one.csv")
            let again = try await live.resolve(try ExportSpec(json: resolved.json), now: 2_000_000_000)
            #expect(again == resolved)
            try await live.write([item(.event, "bob", name: "Bought", at: 2_100, id: "11")])
            try await live.export(again, to: "two.csv")
            #expect(try live.bytes("one.csv") == live.bytes("two.csv"))
            #expect(
                try live.contents("one.csv")
                    == "identities,count(Bought)\r\n\"[\"\"ann\"\",\"\"a@x.io\"\"]\",4\r\n\"[\"\"bob\"\"]\",1\r\n")
        }
    }

    @Test(arguments: [
        (#"{"did":"A","within":{"from":"2024-02-30"}}"#, "where.within.from: \"2024-02-30\" is no time; write"),
        (#"{"all":[{"did":"A","within":"999999w"}]}"#, "where.all[0].within: \"-999999w\" is outside the years"),
        (#"{"did":"A","within":{"from":"-1d","to":"-2d"}}"#, "where.within: \"from\" (2023-11-13T"),
    ])
    func windowsThatAreNone(_ condition: String, _ start: String) throws {
        let asked = try spec(#"{"dataset":"people","where":\#(condition)}"#)
        let error = #expect(throws: ExportError.self) {
            _ = try asked.resolve(durableSeq: 0, now: Timestamp(microseconds: 1_700_000_000_000_000)) {
                Timestamp(microseconds: $0)
            }
        }
        #expect(error?.code == .invalidSpec)
        #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
    }

    /// Before now is known, no window is refused because of it.
    @Test func aWindowIsCheckedWithoutNow() throws {
        try spec(#"{"dataset":"people","where":{"did":"A","within":{"from":"-1d","to":"2024-01-01"}}}"#).check()
        #expect(throws: ExportError.self) {
            try spec(#"{"dataset":"people","where":{"did":"A","within":{"from":"-1x"}}}"#).check()
        }
    }
}
