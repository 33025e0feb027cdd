import DuckDB
import Foundation
import Journal
import Logging
import Model
import Synchronization
import Testing

@testable import EventStore

/// Computed columns of random histories are what plain loops find: in the table of people after every step, and by the same SQL as of
/// any earlier `seq` and any day.
@Suite struct ComputedTests {
    static func formula(_ terms: JSONValue, _ value: JSONValue) throws -> ComputedFormula {
        try ComputedFormula(["terms": terms, "value": value])
    }

    static func set(_ timezone: String = "UTC") throws -> ComputedSet {
        let paid: JSONValue = "Paid"
        let columns: [(String, ComputedFormula)] = [
            (
                "score",
                try formula(
                    [
                        "events": ["measure": "count", "half_life": "14d"],
                        "days": ["measure": "days", "within": "30d"],
                    ], ["weights": ["events": 1, "days": 2], "min": 0, "max": 100, "round": 1])
            ),
            (
                "revenue",
                try formula(["a": ["measure": "sum", "property": ["total", "amount"], "event": paid]], ["term": "a"])
            ),
            (
                "pro",
                try formula(
                    ["a": ["measure": "count", "where": ["property": "plan", "is": "pro"]]], ["term": "a"])
            ),
            ("days", try formula(["a": ["measure": "days"]], ["term": "a"])),
            (
                "fresh",
                try formula(
                    ["a": ["measure": "sum", "property": "amount", "event": paid, "within": "40d", "half_life": "1w"]],
                    ["term": "a"])
            ),
            ("idle", try formula(["a": ["measure": "since_last"]], ["term": "a"])),
            (
                "stage",
                try formula(
                    ["last": ["measure": "since_last"], "first": ["measure": "since_first"]],
                    [
                        "cases": [
                            ["when": ["term": "last", "exists": false], "is": "none"],
                            ["when": ["term": "first", "lt": 7], "is": "new"],
                            ["when": [["term": "last", "lt": 7], ["term": "first", "gte": 7]], "is": "active"],
                        ], "else": "gone",
                    ])
            ),
        ]
        return ComputedSet(columns.map { .init($0.0, version: 1, formula: $0.1) }, timezone: timezone)
    }

    static let start: Int64 = 1_700_000_000_000_000
    static let dayLength: Int64 = 86_400_000_000

    private static func checkTable(
        _ fixture: StoreFixture, _ model: ComputedModel, day: Int64, offset: Int64, _ comment: Comment
    ) async throws {
        let seq = fixture.store.appliedSeq
        let people = model.people(asOf: seq)
        let rows = try await fixture.rows(
            """
            SELECT i.identity, c.computed, m.identity FROM people_current c
            JOIN identities i ON i.identity_id = c.person_id LEFT JOIN identities m ON m.identity_id = c.merged_into
            WHERE NOT c.erased ORDER BY c.person_id
            """)
        var found: [String: String] = [:]
        var merged: [String: String] = [:]
        for row in rows {
            let parts = row.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            if parts[1] == "-" { merged[parts[0]] = parts[2] } else { found[parts[0]] = parts[1] }
        }
        var wanted: [String: String] = [:]
        var redirects: [String: String] = [:]
        for (root, members) in people {
            wanted[root] = object(model.computed(members, asOf: seq, day: day, offset: offset))
            for member in members where member != root { redirects[member] = root }
        }
        #expect(found == wanted, comment)
        #expect(merged == redirects, comment)
    }

    private static func object(_ values: [String: String]) -> String {
        "{" + values.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
    }

    /// The values by the SQL that reads of any `seq` and day use.
    private static func checkReading(
        _ fixture: StoreFixture, _ model: ComputedModel, _ set: ComputedSet, asOf seq: Int64, day: Int64,
        offset: Int64, _ comment: Comment
    ) async throws {
        let columns = set.columns(on: day)
        let found = try await fixture.store.readPinned { connection, _ in
            try connection.transaction { connection in
                var needs = ComputedNeeds()
                let tokens = columns.map { needs.token($0) }
                let persons = SQLFragment(stringLiteral: try PeopleStep.persons(connection, asOf: seq))
                try needs.prepare(
                    connection, asOf: seq,
                    personMap: "(SELECT p.identity_id, p.person_id FROM \(persons) p WHERE p.first_seq <= \(seq))")
                defer { needs.drop(connection) }
                let table = SQLFragment(stringLiteral: try #require(needs.tables.first))
                let object = DuckDBDialect.object(zip(columns, tokens).map { ($0.name, $1) })
                let statement = SQLStatement(
                    "SELECT i.identity, \(object) FROM \(table) JOIN identities i ON i.identity_id = \(table).person_id"
                )
                var found: [String: String] = [:]
                for row in try connection.rows(statement.text, statement.values) {
                    found[row[0].text ?? ""] = row[1].text
                }
                return found
            }
        }
        var wanted: [String: String] = [:]
        for (root, members) in model.people(asOf: seq) {
            wanted[root] = object(model.computed(members, asOf: seq, day: day, offset: offset))
        }
        #expect(found == wanted, comment)
    }

    @Test("Numbers that the engine reads no decimal of are refused when a column is defined")
    func strangeNumbers() throws {
        for bound in ["0e99999999999", "1e-99999999999", "1e3", "1\(String(repeating: "0", count: 20))"] {
            let formula = try JSONValue(
                text: #"{"terms":{"a":{"measure":"count"}},"value":{"weights":{"a":1},"min":\#(bound)}}"#)
            #expect(throws: QueryError.self, "\(bound)") { try ComputedFormula(formula) }
        }
    }

    @Test(arguments: 0..<9)
    func `random histories`(seed: Int) async throws {
        var random = SeededGenerator(seed: seed)
        let folder = try TemporaryFolder()
        var settings = StoreSettings()
        settings.hotRows = 60
        let zones: [(String, Int64)] = [("UTC", 0), ("+05:45", 20_700), ("-11:00", -39_600)]
        let (zone, offset) = zones[seed % zones.count]
        let set = try Self.set(zone)
        try await StoreFixture.with(folder, settings: settings) { fixture in
            fixture.store.computedSet = set
            let clock = Mutex(Self.start)
            let keeper = PeopleKeeper(
                store: fixture.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                most: Int64.random(in: 1...5, using: &random)
            ) { Timestamp(microseconds: clock.withLock { $0 }) }
            let compactor = Compactor(
                store: fixture.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            var model = ComputedModel()
            var seqs: [Int64] = []
            for round in 0..<14 {
                try await Self.append(fixture, &model, now: clock.withLock { $0 }, &random)
                seqs.append(fixture.store.appliedSeq)
                if round % 4 == 3 { try await Self.remove(fixture, &model, now: clock.withLock { $0 }, &random) }
                if round % 5 == 4 { try await compactor.compact(isFull: Bool.random(using: &random)) }
                let day = ComputedModel.day(clock.withLock { $0 }, offset: offset)
                // Before the table has it, and after.
                try await Self.checkReading(
                    fixture, model, set, asOf: fixture.store.appliedSeq, day: day, offset: offset,
                    "seed \(seed), round \(round), live")
                if round % 3 != 0 {
                    try await keeper.catchUp()
                    try await Self.checkTable(fixture, model, day: day, offset: offset, "seed \(seed), round \(round)")
                }
                let seq = try #require(seqs.randomElement(using: &random))
                try await Self.checkReading(
                    fixture, model, set, asOf: seq, day: day, offset: offset,
                    "seed \(seed), round \(round), as of \(seq)")
                try await Self.checkReading(
                    fixture, model, set, asOf: seq, day: day - Int64.random(in: 0...20, using: &random), offset: offset,
                    "seed \(seed), round \(round), as of \(seq), another day")
                if Bool.random(using: &random) {
                    clock.withLock { $0 += Int64.random(in: 1...30, using: &random) * Self.dayLength / 4 }
                }
            }
        }
    }

    /// A store that is opened for an export alone leaves the table as it is until somebody waits for it.
    @Test func inABriefStore() async throws {
        let folder = try TemporaryFolder()
        var settings = StoreSettings()
        settings.isBrief = true
        try await StoreFixture.with(folder, settings: settings) { fixture in
            var random = SeededGenerator(seed: 3)
            var model = ComputedModel()
            fixture.store.computedSet = try Self.set("UTC")
            try await Self.append(fixture, &model, now: Self.start, &random)
            let seq = fixture.store.appliedSeq
            let keeper = PeopleKeeper(
                store: fixture.store, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ) { Timestamp(microseconds: Self.start) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                #expect(await fixture.store.waitForPeople(seq, timeout: .seconds(300)))
                group.cancelAll()
                try await group.waitForAll()
            }
            try await Self.checkTable(
                fixture, model, day: ComputedModel.day(Self.start, offset: 0), offset: 0, "brief")
        }
    }
}
