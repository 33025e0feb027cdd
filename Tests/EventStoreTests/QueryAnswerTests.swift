import DuckDB
import Model
import Testing

@testable import EventStore

/// A second reading of what conditions mean, row by row and without SQL.
private enum Oracle {
    static func holds(_ condition: Condition, event: String, _ properties: JSONValue, _ person: JSONValue) -> Bool {
        switch condition {
        case .all(let parts): parts.allSatisfy { holds($0, event: event, properties, person) }
        case .any(let parts): parts.contains { holds($0, event: event, properties, person) }
        case .not(let part): !holds(part, event: event, properties, person)
        case .event(let names): names.contains(event)
        case .property(let name, let test): passes(test, properties[name] ?? .null)
        case .person(let name, let test): passes(test, person[name] ?? .null)
        // ExportsTests have a model of people and what they did.
        case .did, .personThen, .sequence, .segment, .computed: false
        }
    }

    private static func passes(_ test: PropertyTest, _ value: JSONValue) -> Bool {
        if value == .null {
            switch test {
            case .differs, .exists(false): return true
            default: return false
            }
        }
        switch test {
        case .equals(let scalar): return equal(scalar, value)
        case .differs(let scalar): return !equal(scalar, value)
        case .oneOf(let scalars): return scalars.contains { equal($0, value) }
        case .exists(let wanted): return wanted
        case .contains(let part): return text(value).contains(part)
        case .startsWith(let part): return text(value).hasPrefix(part)
        case .compare(let comparison, .number(let limit)):
            let number: Double? =
                switch value {
                case .number(let digits): Double(digits)
                case .string(let digits):
                    (try? JSONValue(text: digits)).flatMap { parsed in
                        if case .number(let same) = parsed, same == digits { Double(digits) } else { nil }
                    }
                default: nil
                }
            return number.map { compare(comparison, $0, limit) } ?? false
        case .compare(let comparison, .time(let limit)):
            guard case .string(let written) = value, let time = WrittenTime(written)?.timestamp() else { return false }
            return compare(comparison, time, limit)
        case .compare(let comparison, .text(let limit)):
            let (a, b) = (Array(text(value).utf8), Array(limit.utf8))
            if a == b { return comparison == .greaterOrEqual || comparison == .lessOrEqual }
            return a.lexicographicallyPrecedes(b)
                ? comparison == .less || comparison == .lessOrEqual
                : comparison == .greater || comparison == .greaterOrEqual
        }
    }

    private static func compare<T: Comparable>(_ comparison: PropertyTest.Comparison, _ a: T, _ b: T) -> Bool {
        switch comparison {
        case .greater: a > b
        case .greaterOrEqual: a >= b
        case .less: a < b
        case .lessOrEqual: a <= b
        }
    }

    private static func equal(_ scalar: PropertyTest.Scalar, _ value: JSONValue) -> Bool {
        switch (scalar, value) {
        case (.text(let a), .string(let b)): Array(a.utf8) == Array(b.utf8)
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)):
            if let a = Int128(a), let b = Int128(b) { a == b } else { Double(a) == Double(b) }
        default: false
        }
    }

    private static func text(_ value: JSONValue) -> String { value.stringValue ?? value.text }
}

@Suite("Conditions give the answers of a plain evaluator")
struct QueryAnswerTests {
    private static let values: [JSONValue] = [
        .number("10"), .number("10.0"), .number("-3"), .number("1e1"), .number("9007199254740993"),
        .number("9007199254740992"), .string("10"), .string("abc"), .string("a\"b\n😀"), .string(""),
        .string("2024-01-31"),
        .string("2024-01-31T10:00:00+02:00"), .bool(true), .bool(false), .string("true"), .null, .array([.number("1")]),
        .string("Abc"), .string(" 10"), .string("10x"),
    ]
    private static let names = ["x", "a b.c", "é\"q"]

    private static func condition(_ generator: inout SeededGenerator, depth: Int) -> JSONValue {
        let name = names.randomElement(using: &generator) ?? "x"
        switch Int.random(in: 0..<(depth > 0 ? 7 : 4), using: &generator) {
        case 0: return ["event": .string(["A", "B"].randomElement(using: &generator) ?? "A")]
        case 1, 2, 3:
            let scalars = values.filter { if case .array = $0 { false } else { $0 != .null } }
            let value = scalars.randomElement(using: &generator) ?? "x"
            let kind = Bool.random(using: &generator) ? "property" : "person"
            var members: [JSONValue.Member] = [.init(kind, .string(name))]
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: members.append(.init("is", value))
            case 1: members.append(.init("is_not", value))
            case 2: members.append(.init("exists", .bool(Bool.random(using: &generator))))
            case 3: members.append(.init("in", .array([value, scalars.randomElement(using: &generator) ?? 1])))
            case 4:
                let part = value.stringValue.map { String($0.prefix(1)) } ?? "1"
                members.append(.init(Bool.random(using: &generator) ? "contains" : "starts_with", .string(part)))
            default:
                let ordered = value.boolValue == nil ? value : 5
                members.append(.init(["gt", "gte", "lt", "lte"].randomElement(using: &generator) ?? "gt", ordered))
            }
            return .object(members)
        case 4: return ["not": condition(&generator, depth: depth - 1)]
        default:
            let parts = (0..<Int.random(in: 1...3, using: &generator)).map { _ in
                condition(&generator, depth: depth - 1)
            }
            return .object([.init(Bool.random(using: &generator) ? "all" : "any", .array(parts))])
        }
    }

    @Test(arguments: [1, 2, 3])
    func onEvents(seed: Int) throws {
        var generator = SeededGenerator(seed: seed)
        let store = try MemoryStore()
        try TokenFunctions.register(on: store.connection)
        var rows: [(event: String, properties: JSONValue, person: Int)] = []
        var people: [JSONValue] = []
        var items: [Item] = []
        func object() -> JSONValue {
            .object(
                Self.names.compactMap { name in
                    Bool.random(using: &generator)
                        ? .init(name, Self.values.randomElement(using: &generator) ?? 1) : nil
                })
        }
        for person in 0..<8 {
            let current = object()
            people.append(current)
            items.append(item(.set, "p\(person)", current.text))
        }
        for _ in 0..<120 {
            let row = (
                ["A", "B", "C"].randomElement(using: &generator) ?? "A", object(),
                Int.random(in: 0..<8, using: &generator)
            )
            rows.append(row)
            items.append(event("p\(row.2)", row.0, row.1.text))
        }
        try store.apply(items)
        var alone = 0
        for _ in 0..<80 {
            let json = Self.condition(&generator, depth: 3)
            let condition = try Condition(json, times: absoluteTimes)
            var needs = PersonNeeds()
            let scope = QueryScope(row: .event, asOf: 1_000, personMap: "identities", personID: "i.person_id")
            let test = try condition.sql(scope, &needs)
            let properties = needs.properties
            var sql: SQLFragment = "SELECT e.seq FROM events e JOIN identities i ON i.identity_id = e.identity_id"
            if !properties.names.isEmpty {
                sql +=
                    " LEFT JOIN (\(properties.relation(asOf: 1_000, personMap: "identities"))) p ON p.person_id = i.person_id"
            }
            let statement = SQLStatement(sql + " WHERE \(test) ORDER BY e.seq")
            let found = try store.connection.rows(statement.text, statement.binds.map(Self.bind)).compactMap {
                $0[0].int
            }
            let wanted = rows.indices.filter {
                Oracle.holds(condition, event: rows[$0].event, rows[$0].properties, people[rows[$0].person])
            }.map { Int64($0 + 9) }
            #expect(found == wanted, "\(json.text)")
            // Where nothing is asked of the person, the answer is the same before an event is in a table.
            guard (try? condition.checkAlone()) != nil else { continue }
            alone += 1
            let matched = rows.indices.filter {
                condition.holds(
                    of: MatchedEvent(name: rows[$0].event, properties: Array(rows[$0].properties.text.utf8)))
            }.map { Int64($0 + 9) }
            #expect(matched == found, "\(json.text)")
            // And nothing that holds is left out beforehand.
            let index = ConditionIndex([condition])
            let candidates = rows.indices.filter {
                let object = Array(rows[$0].properties.text.utf8)
                return !index.places(object.span).isEmpty
            }.map { Int64($0 + 9) }
            #expect(Set(candidates).isSuperset(of: matched), "\(json.text)")
        }
        #expect(alone > 10)
    }

    private static func bind(_ value: SQLValue) -> DuckValue {
        switch value {
        case .text(let text): .text(text)
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .bool(let truth): .bool(truth)
        case .time(let time): .timestamp(time.microseconds)
        }
    }

    @Test func manyPersonPropertiesGiveTheSameAsFew() throws {
        let store = try MemoryStore()
        let object = (0..<40).map { #""n\#($0)":"\#($0)""# }.joined(separator: ",")
        try store.apply([item(.set, "a", "{\(object)}"), item(.set, "b", #"{"n1":null,"n2":1.50}"#)])
        for count in [3, 40] {
            var properties = PersonProperties()
            for i in 0..<count { _ = properties.token("n\(i)") }
            let statement = SQLStatement(properties.relation(asOf: 9, personMap: "identities"))
            let rows = try store.connection.rows(statement.text + " ORDER BY 1", statement.binds.map(Self.bind))
            #expect(rows.map { Array($0[1...3]) } == [["\"0\"", "\"1\"", "\"2\""], [.null, .null, "1.50"]])
        }
    }
}
