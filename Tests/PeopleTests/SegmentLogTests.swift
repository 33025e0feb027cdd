import EventStore
import Journal
import Model
import People
import Testing

/// Random conditions of the shop's events.
private struct SegmentGenerator {
    let names: [String]
    var random: SeededGenerator

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
    mutating func name() -> JSONValue { .string(pick(names)) }

    mutating func condition(_ depth: Int) -> JSONValue {
        switch below(depth > 0 ? 9 : 6) {
        case 0, 1: return did()
        case 2: return .object([.init("did_not", name())] + within())
        case 3, 4: return sequence()
        case 5: return person()
        case 6: return ["not": condition(depth - 1)]
        default:
            let parts = (0..<2 + below(2)).map { _ in condition(depth - 1) }
            return .object([.init(pick(["all", "any"]), .array(parts))])
        }
    }

    private mutating func did() -> JSONValue {
        var members: [JSONValue.Member] = [.init("did", name())]
        switch below(4) {
        case 0: members.append(.init("at_least", JSONValue(Int64(1 + below(8)))))
        case 1: members.append(.init("at_most", JSONValue(Int64(1 + below(8)))))
        case 2: members.append(.init("exactly", JSONValue(Int64(1 + below(4)))))
        default: members.append(.init("first_ever", true))
        }
        if below(2) == 0 { members.append(.init("where", test())) }
        return .object(members + within())
    }

    private mutating func within() -> [JSONValue.Member] {
        switch below(3) {
        case 0: [.init("within", .string("\(1 + below(60))d"))]
        case 1: [.init("within", ["from": .string("-\(30 + below(60))d"), "to": .string("-\(below(30))d")])]
        default: []
        }
    }

    private mutating func sequence() -> JSONValue {
        let steps = (0..<2 + below(3)).map { _ -> JSONValue in
            let event = JSONValue.Member("event", name())
            return .object(below(5) == 0 ? [event, .init("where", test())] : [event])
        }
        let window: [JSONValue.Member] =
            below(3) > 0 ? [.init("window", .string(pick(["1h", "3h", "1d", "7d", "30d"])))] : []
        return .object([.init("sequence", .array(steps))] + window + within())
    }

    private mutating func test() -> JSONValue {
        below(2) == 0
            ? ["property": "platform", "is": .string(pick(["desktop", "mobile", "tablet"]))]
            : ["property": "channel", "is_not": .string(pick(["email", "organic", "direct", "paid_search"]))]
    }

    private mutating func person() -> JSONValue {
        let at = pick(["last", "first", "ever", "-\(below(90))d"])
        let platform = JSONValue.string(pick(["desktop", "mobile", "tablet"]))
        // Whoever has no value passes `ever` only with `exists: false`, which the loops leave out.
        let test: JSONValue.Member =
            switch below(3) {
            case 0: .init("is_not", platform)
            case 1: .init("exists", .bool(at == "ever" || below(2) == 0))
            default: .init("is", platform)
            }
        return .object([.init("person", "platform"), .init("at", .string(at)), test])
    }
}

@Suite("On the log of a shop, segments are what plain loops find")
struct SegmentLogTests {
    @Test("200 random segments")
    func random() async throws {
        let log = try ShopLog(users: 600)
        #expect(log.events.count == 600 && log.items.count > 31_000)
        try await LiveStore.with { live in
            var last: Int64 = 0
            for start in stride(from: 0, to: log.items.count, by: 5_000) {
                var submission = Submission()
                for item in log.items[start..<min(start + 5_000, log.items.count)] { submission.add(item) }
                last = try await live.journal.append(submission).watermark
            }
            try await live.store.waitForApplied(last, timeout: .seconds(300))
            var generator = SegmentGenerator(names: log.names, random: SeededGenerator(seed: 5))
            let now = log.moment
            var sizes: [Int] = []
            for round in 0..<200 {
                let json = generator.condition(2)
                let (tree, fixed) = try await live.store.condition(
                    json, path: "segment", timezone: "UTC", now: Timestamp(microseconds: now))
                let found = try await live.store.ask { [last] connection, pinned in
                    let reader = PeopleReader(connection, pinned, asOf: last)
                    return try reader.people(try reader.matching(tree))
                }
                let users = found.compactMap { person in person.identities.first { $0.hasPrefix("user_") } }
                let wanted = log.users(json, now: now)
                #expect(users.count == found.count && Set(users) == wanted, "round \(round): \(json.text)")
                sizes.append(found.count)
                // And of one person, by that person's rows alone.
                guard let person = try await live.people.person(identity: "user_0000") else { continue }
                let why = try await live.store.readPinned { connection, pinned in
                    try PeopleReader(connection, pinned).explain([(tree, fixed)], of: person.id)[0]
                }
                #expect(why.holds == wanted.contains("user_0000"), "round \(round): \(json.text)")
            }
            // Neither nobody nor everybody, most of the time.
            #expect(sizes.count { $0 > 0 && $0 < 600 } > 100)
        }
    }
}
