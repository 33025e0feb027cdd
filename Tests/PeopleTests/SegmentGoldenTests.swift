import EventStore
import Model
import People
import Testing

@Suite("Segments: one golden answer for each thing that a condition can ask")
struct SegmentGoldenTests {
    /// Monday, 2024-01-01; the answers are as of ten days later.
    private static let start: Int64 = 1_704_067_200
    private static let now = Timestamp(microseconds: (start + 10 * 86_400) * 1_000_000)

    private static func at(_ day: Int64, _ second: Int64 = 0) -> Int64 { start + day * 86_400 + second }

    private static let history: [Item] = [
        item(.event, "ann", name: "Visit", #"{"page":"/a"}"#, at: at(0)),
        item(.event, "ann", name: "Buy", #"{"amount":10}"#, at: at(1)),
        item(.event, "ann", name: "Buy", #"{"amount":30}"#, at: at(8)),
        item(.set, "ann", #"{"plan":"free"}"#, at: at(0)),
        item(.set, "ann", #"{"plan":"pro"}"#, at: at(5)),
        item(.event, "bob", name: "Buy", #"{"amount":5}"#, at: at(2)),
        item(.event, "bob", name: "Visit", at: at(3)),
        item(.set, "bob", #"{"plan":"pro"}"#, at: at(1)),
        item(.set, "bob", #"{"plan":"free","vip":true}"#, at: at(2)),
        item(.set, "bob", #"{"plan":null}"#, at: at(9)),
        // Visits as a cookie, buys by name: one person.
        item(.event, "cookie", name: "Visit", #"{"page":"/b"}"#, at: at(4)),
        item(.event, "cid", name: "Buy", #"{"amount":"20"}"#, at: at(4)),
        item(.alias, "cid", other: "cookie", "", at: at(4)),
        item(.event, "dan", name: "Visit", at: at(9)),
        item(.set, "eve", #"{"plan":"free","ends":"2024-01-08"}"#, at: at(6)),
    ]

    private static let cases: [(condition: String, people: String)] = [
        (#"{"event":"Buy"}"#, "ann bob cid"),
        (#"{"did":"Buy","at_least":2}"#, "ann"),
        (#"{"did":"Buy","exactly":1}"#, "bob cid"),
        (#"{"did":"Buy","at_most":1}"#, "bob cid dan eve"),
        (#"{"did":["Buy","Visit"],"at_least":3}"#, "ann"),
        (#"{"did_not":"Buy"}"#, "dan eve"),
        (#"{"did_not":"Buy","within":"5d"}"#, "bob cid dan eve"),
        (#"{"did_not":"Buy","where":{"property":"amount","gte":20}}"#, "bob dan eve"),
        (#"{"did":"Buy","within":{"from":"2024-01-05","to":"2024-01-10"}}"#, "ann cid"),
        (#"{"did":"Buy","first_ever":true,"within":{"from":"2024-01-03"}}"#, "bob cid"),
        (#"{"all":[{"event":"Visit"},{"property":"page","is":"/b"}]}"#, "cid"),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"}]}"#, "ann cid"),
        (#"{"sequence":[{"event":"Buy"},{"event":"Visit"}]}"#, "bob cid"),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"}],"window":"1s"}"#, "cid"),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"}],"window":"1d"}"#, "ann cid"),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"},{"event":"Buy"}]}"#, "ann"),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"},{"event":"Buy"}],"window":"7d"}"#, ""),
        (#"{"sequence":[{"event":"Visit"},{"event":"Buy"},{"event":"Buy"}],"window":"8d"}"#, "ann"),
        (
            #"{"sequence":[{"event":"Visit"},{"event":"Buy","where":{"property":"amount","gt":15}}]}"#, "ann cid"
        ),
        (#"{"sequence":[{"event":"Buy"},{"event":"Buy"}],"within":"9d"}"#, "ann"),
        (#"{"sequence":[{"event":"Buy"},{"event":"Buy"}],"within":"8d"}"#, ""),
        (#"{"person":"plan","is":"pro"}"#, "ann"),
        (#"{"person":"plan","at":"last","exists":false}"#, "bob cid dan"),
        (#"{"person":"plan","at":"first","is":"pro"}"#, "bob"),
        (#"{"person":"plan","at":"first","is":"free"}"#, "ann eve"),
        (#"{"person":"plan","at":"first","is_not":"pro"}"#, "ann cid dan eve"),
        (#"{"person":"plan","at":"ever","is":"pro"}"#, "ann bob"),
        (#"{"person":"plan","at":"ever","is":"free"}"#, "ann bob eve"),
        (#"{"person":"plan","at":"ever","is_not":"free"}"#, "ann bob"),
        (#"{"person":"plan","at":"ever","exists":false}"#, "cid dan"),
        (#"{"person":"plan","at":"2024-01-04","is":"free"}"#, "ann bob"),
        (#"{"person":"plan","at":"2024-01-01","is":"free"}"#, "ann"),
        (#"{"person":"plan","at":"-5d","is":"pro"}"#, "ann"),
        (#"{"person":"plan","at":"-1d","exists":true}"#, "ann eve"),
        (#"{"person":"ends","lt":{"time":"-2d"}}"#, "eve"),
        (#"{"person":"ends","lt":{"time":"-3d"}}"#, ""),
        (#"{"not":{"any":[{"event":"Buy"},{"person":"plan","exists":true}]}}"#, "dan"),
        (#"{"did":"Buy","within":"this_week"}"#, "ann"),
        (#"{"did":"Buy","within":"last_week"}"#, "ann bob cid"),
        (#"{"did":"Visit","within":"yesterday"}"#, "dan"),
        (#"{"did":"Visit","within":{"to":"last_week"}}"#, ""),
        (#"{"segment":"s","where":{"all":[{"event":"Visit"},{"did_not":"Buy"}]}}"#, "dan"),
        (#"{"any":[{"segment":"s","where":{"did":"Buy","at_least":2}},{"person":"vip","is":true}]}"#, "ann bob"),
    ]

    @Test("The people, their number, and for each of them whether and why")
    func answers() async throws {
        try await LiveStore.with { live in
            let seq = try await live.write(Self.history)
            let everybody = try await live.people.people()
            for (text, wanted) in Self.cases {
                let json = try JSONValue(text: text)
                let (tree, fixed) = try await live.store.condition(
                    json, path: "segment", timezone: "UTC", now: Self.now)
                let (found, count) = try await live.store.ask { connection, pinned in
                    let reader = PeopleReader(connection, pinned, asOf: seq)
                    return (try reader.people(try reader.matching(tree)), try reader.count(tree))
                }
                let names = found.map { $0.identities[0] == "cookie" ? "cid" : $0.identities[0] }.sorted()
                #expect(names.joined(separator: " ") == wanted, "\(text)")
                #expect(count == Int64(names.count), "\(text)")
                for person in everybody.elements {
                    let why = try await live.store.readPinned { connection, pinned in
                        try PeopleReader(connection, pinned).explain([(tree, fixed)], of: person.id)[0]
                    }
                    #expect(why.holds == found.contains { $0.id == person.id }, "\(text) of \(person.identities)")
                    #expect(why.path == "segment")
                }
            }
        }
    }

    @Test("Why: what each part asked, what it found, and whether that was enough")
    func explanation() async throws {
        try await LiveStore.with { live in
            try await live.write(Self.history)
            let json: JSONValue = [
                "all": [
                    ["did": "Buy", "at_least": 2], ["person": "plan", "is": "pro"],
                    ["person": "plan", "at": "first", "is": "pro"], ["not": ["did": "Leave"]], ["event": "Visit"],
                    ["property": "page", "is": "/a"],
                    ["segment": "s", "version": 1, "where": ["any": [["event": "Buy"], ["event": "Leave"]]]],
                ]
            ]
            let (tree, fixed) = try await live.store.condition(json, path: "segment", timezone: "UTC", now: Self.now)
            let ann = try #require(try await live.people.person(identity: "ann"))
            let why = try await live.store.readPinned { connection, pinned in
                try PeopleReader(connection, pinned).explain([(tree, fixed), (tree, fixed)], of: ann.id)
            }
            #expect(why[0] == why[1])
            let parts = [
                #"{"path":"segment.all[0]","holds":true,"condition":{"did":"Buy","at_least":2},"count":2}"#,
                #"{"path":"segment.all[1]","holds":true,"condition":{"person":"plan","is":"pro"},"value":"pro"}"#,
                #"{"path":"segment.all[2]","holds":false,"condition":{"person":"plan","at":"first","is":"pro"},"value":"free"}"#,
                #"{"path":"segment.all[3]","holds":true,"parts":[{"path":"segment.all[3].not","holds":false,"condition":{"did":"Leave"},"count":0}]}"#,
                #"{"path":"segment.all[4]","holds":true,"condition":{"all":[{"event":"Visit"},{"property":"page","is":"/a"}]}}"#,
                #"{"path":"segment.all[6]","holds":true,"condition":{"segment":"s","version":1},"parts":[{"path":"segment.all[6].where","holds":true,"parts":[{"path":"segment.all[6].where.any[0]","holds":true,"condition":{"event":"Buy"},"count":2},{"path":"segment.all[6].where.any[1]","holds":false,"condition":{"event":"Leave"},"count":0}]}]}"#,
            ]
            let wanted = #"{"path":"segment","holds":false,"parts":["# + parts.joined(separator: ",") + "]}"
            #expect(text(why[0].json) == wanted, "\(text(why[0].json))")
        }
    }
}
