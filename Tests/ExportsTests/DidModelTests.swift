import EventStore
import Exports
import Model
import Testing

/// Random histories and random conditions; the times lie close together, so that events meet the ends of windows.
private struct DidGenerator {
    static let start: Int64 = 1_700_000_000
    static let names = ["A", "B", "Say \"hi\", (twice)"]
    var random: SeededGenerator

    mutating func pick<T>(_ choices: [T], orElse other: T) -> T { choices.randomElement(using: &random) ?? other }
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
    mutating func second() -> Int64 { Self.start + Int64(below(40)) }

    mutating func history() -> [Item] {
        var items: [Item] = []
        var aliases: [Int] = []
        for number in 1...140 {
            let identity = "i\(below(12))"
            switch below(20) {
            case 0, 1:
                aliases.append(number)
                items.append(item(.alias, identity, other: identity + "+\(below(2))", "", at: second()))
            case 2:
                aliases.append(number)
                items.append(item(.alias, identity, other: "j\(below(6))", "", at: second()))
            case 3 where !aliases.isEmpty:
                items.append(item(.undo, "", name: "\(pick(aliases, orElse: 0))", "", at: second()))
            case 4, 5:
                let plan = pick(["\"pro\"", "\"free\"", "null"], orElse: "")
                items.append(item(.set, identity, #"{"plan":\#(plan)}"#, at: second()))
            default:
                let properties = below(4) == 0 ? "{}" : #"{"n":\#(below(4))}"#
                let name = pick(Self.names, orElse: "")
                items.append(item(.event, identity, name: name, properties, at: second(), id: "e\(number)"))
            }
        }
        return items
    }

    mutating func condition(_ depth: Int) -> JSONValue {
        switch below(depth > 0 ? 11 : 8) {
        case 0: ["event": name()]
        case 1: ["person": "plan", "is": .string(pick(["pro", "free"], orElse: ""))]
        case 5: then()
        case 6, 7: sequence()
        case 8: ["not": condition(depth - 1)]
        case 9, 10:
            .object([
                .init(pick(["all", "any"], orElse: "all"), .array((0...below(3)).map { _ in condition(depth - 1) }))
            ])
        default: did()
        }
    }

    /// A value that is not the current one.
    private mutating func then() -> JSONValue {
        let at = pick(["first", "last", "ever", ""], orElse: "")
        let test: JSONValue.Member =
            switch below(3) {
            case 0: .init("is", .string(pick(["pro", "free"], orElse: "")))
            case 1: .init("is_not", .string(pick(["pro", "free"], orElse: "")))
            default: .init("exists", .bool(below(2) == 0))
            }
        return .object([.init("person", "plan"), .init("at", at.isEmpty ? Self.time(second()) : .string(at)), test])
    }

    private mutating func sequence() -> JSONValue {
        var members: [JSONValue.Member] = [
            .init(
                "sequence",
                .array(
                    (0..<2 + below(3)).map { _ in
                        let event = JSONValue.Member("event", name())
                        return .object(below(4) == 0 ? [event, .init("where", test(1))] : [event])
                    }))
        ]
        if below(2) == 0 { members.append(.init("window", .string("\(1 + below(20))s"))) }
        if below(3) == 0 { members.append(.init("within", .string("\(below(30))s"))) }
        return .object(members)
    }

    mutating func name() -> JSONValue {
        below(3) == 0
            ? .array([.string("A"), .string(pick(Self.names, orElse: ""))]) : .string(pick(Self.names, orElse: ""))
    }

    mutating func did() -> JSONValue {
        if below(8) == 0 { return ["did_not": name(), "within": .string("\(below(30))s")] }
        var members: [JSONValue.Member] = [.init("did", name())]
        var most: Int64?
        switch below(6) {
        case 0: members.append(.init("at_least", JSONValue(Int64(below(5)))))
        case 1: most = Int64(below(4))
        case 2:
            members.append(.init("at_least", 2))
            most = Int64(2 + below(4))
        case 3: members.append(.init("exactly", JSONValue(Int64(below(4)))))
        default: break
        }
        if let most { members.append(.init("at_most", JSONValue(most))) }
        switch below(4) {
        case 0: members.append(.init("within", .string("\(below(30))s")))
        case 1:
            let (a, b) = (second(), second())
            var range: [JSONValue.Member] = []
            if below(4) > 0 { range.append(.init("from", Self.time(min(a, b)))) }
            if below(4) > 0 || range.isEmpty { range.append(.init("to", Self.time(max(a, b)))) }
            members.append(.init("within", .object(range)))
        default: break
        }
        let isZero = members.contains { ($0.key == "exactly" || $0.key == "at_most") && $0.value == 0 }
        if below(3) == 0, !isZero { members.append(.init("first_ever", true)) }
        if below(3) == 0 { members.append(.init("where", test(1))) }
        return .object(members)
    }

    private static func time(_ second: Int64) -> JSONValue {
        .string(Timestamp(microseconds: second * 1_000_000).text)
    }

    private mutating func test(_ depth: Int) -> JSONValue {
        switch below(depth > 0 ? 6 : 3) {
        case 0: ["property": "n", "gte": JSONValue(Int64(below(4)))]
        case 1: ["property": "n", "exists": .bool(below(2) == 0)]
        case 2: ["event": name()]
        case 3: ["not": test(depth - 1)]
        default: .object([.init(pick(["all", "any"], orElse: "all"), [test(depth - 1), test(depth - 1)])])
        }
    }
}

@Suite("What people did is counted as a plain model counts it")
struct DidModelTests {
    /// The rows of an export as the values of its columns.
    private func rows(_ live: LiveStore, _ spec: ExportSpec) async throws -> [[JSONValue]] {
        try await live.text(spec).split(separator: "\n").map { line in
            guard case .object(let members) = try JSONValue(text: String(line)) else { return [] }
            return members.map(\.value)
        }
    }

    @Test(arguments: [1, 2, 3, 4])
    func conditions(seed: Int) async throws {
        var generator = DidGenerator(random: SeededGenerator(seed: seed))
        let items = generator.history()
        try await LiveStore.with { live in
            for start in stride(from: 0, to: items.count, by: 50) {
                try await live.write(Array(items[start..<min(start + 50, items.count)]))
            }
            for round in 0..<50 {
                let condition = generator.condition(3)
                let asOf = generator.second()
                let seq = Int64(generator.below(2) == 0 ? items.count : 20 + generator.below(items.count - 20))
                let model = try PeopleModel(items, asOf: seq)
                var spec = ExportSpec(Dataset.allCases[round % 5])
                spec.condition = condition
                spec.asOfSeq = seq
                spec.asOf = String(asOf)
                spec.format = .ndjson
                spec.columns = [["people": "identities", "identities": "identity"][spec.dataset.rawValue] ?? "seq"]
                if generator.below(3) == 0, spec.dataset == .events { spec.order = .seq }
                let found = try await rows(live, spec).map { $0[0] }
                let wanted = model.answer(spec.dataset, condition, asOf: asOf * 1_000_000)
                #expect(
                    Set(found.map(Self.unordered)) == wanted && found.count == wanted.count,
                    "seed \(seed), round \(round), \(spec.dataset), as of \(seq), \(asOf): \(condition.text)")
            }
        }
    }

    /// A list of identities comes in the order of their numbers, which the model does not know.
    private static func unordered(_ value: JSONValue) -> String {
        guard let list = value.arrayValue else { return value.stringValue ?? value.text }
        return list.compactMap(\.stringValue).sorted().joined(separator: " ")
    }

    /// Many columns are made in several passes.
    @Test(arguments: [1, 30])
    func columns(others: Int) async throws {
        var generator = DidGenerator(random: SeededGenerator(seed: others))
        let items = generator.history()
        let measures = DidGenerator.names.flatMap { name in ["first", "last", "count"].map { ($0, name) } }
        let none = (0..<others).flatMap { number in ["first", "last", "count"].map { ($0, "never \(number)") } }
        let asked = (measures + none).shuffled(using: &generator.random)
        try await LiveStore.with { live in
            try await live.write(items)
            for seq in [Int64(items.count), 90, 31] {
                let model = try PeopleModel(items, asOf: seq)
                var spec = ExportSpec(.people)
                spec.columns = ["identities"] + asked.map { "\($0.0)(\($0.1))" }
                spec.asOfSeq = seq
                spec.format = .ndjson
                let rows = try await rows(live, spec)
                #expect(rows.count == model.people.count)
                for row in rows {
                    let person = Set((row[0].arrayValue ?? []).compactMap(\.stringValue))
                    #expect(model.people.contains(person))
                    for (value, (measure, name)) in zip(row.dropFirst(), asked) {
                        let times = model.times(person, name)
                        let moment = measure == "first" ? times.min() : times.max()
                        let wanted: JSONValue =
                            measure == "count"
                            ? JSONValue(Int64(times.count))
                            : moment.map { .string(Timestamp(microseconds: $0).text) } ?? .null
                        #expect(value == wanted, "as of \(seq), \(measure)(\(name)) of \(person)")
                    }
                }
            }
        }
    }
}

extension PeopleModel {
    /// What an export of one column has: `seq`, the identity, or a person's identities.
    fileprivate func answer(_ dataset: Dataset, _ condition: JSONValue, asOf: Int64) -> Set<String> {
        func passes(_ identity: String) -> Bool { holds(condition, person(of: identity), asOf: asOf) }
        switch dataset {
        case .people:
            return Set(
                people.filter { holds(condition, $0, asOf: asOf) }.map { $0.sorted().joined(separator: " ") })
        case .events:
            return Set(
                events.filter { holds(condition, person(of: $0.identity), event: $0, asOf: asOf) }.map { "\($0.seq)" })
        case .propertyChanges: return Set(changes.filter { passes($0.identity) }.map { "\($0.seq)" })
        case .aliases: return Set(aliases.filter { passes($0.identity) }.map { "\($0.seq)" })
        case .identities, .report: return Set(allIdentities.filter(passes))
        }
    }
}
