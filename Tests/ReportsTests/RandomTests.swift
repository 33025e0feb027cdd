import DuckDB
import Foundation
import Model
import Testing

@testable import Reports

/// Reports on real and synthetic logs against loops over their rows: 200 seeded questions of each kind.
@Suite("Reports agree with plain loops")
struct RandomTests {
    private static let count = 200

    /// The shop's log (600 visitors, many clicks a second) with some visitors tied.
    private static func shop() throws -> ReportWorld {
        try log(
            "shop", identity: "user_id", event: "event", time: "timestamp",
            properties: "{platform: platform, channel: acquisition_channel, cycle: user_lifecycle}", tied: 60)
    }

    /// The music shop's purchases, of which nobody knows more than the day; the larger ones have a name of their own.
    private static func purchases() throws -> ReportWorld {
        try log(
            "cdnow", identity: "customer_id", event: "CASE WHEN cds > 3 THEN 'big' ELSE 'small' END", time: "date",
            properties: "{amount: amount, cds: cds::VARCHAR, odd: CASE WHEN cds % 2 = 1 THEN 'yes' END}", tied: 500)
    }

    private static func log(
        _ name: String, identity: String, event: String, time: String, properties: String, tied: Int64
    ) throws -> ReportWorld {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Examples")
        let world = try ReportWorld()
        let file = folder.appendingPathComponent("\(name).csv.gz").path
        try world.connection.execute(
            """
            CREATE TABLE raw AS SELECT row_number() OVER () AS seq, dense_rank() OVER (ORDER BY \(identity)) AS who,
                \(event) AS event, (\(time))::TIMESTAMP AS ts, to_json(\(properties))::VARCHAR AS properties
                FROM read_csv('\(file)');
            INSERT INTO events_1 SELECT seq, 'e' || seq, who, event, ts, ts, properties FROM raw ORDER BY hash(seq);
            INSERT INTO identities SELECT DISTINCT who, 'u' || who, who, NULL, 0 FROM raw;
            UPDATE identities SET person_id = identity_id % \(tied) + 1 WHERE identity_id % 7 = 0
                AND identity_id % \(tied) + 1 < identity_id AND (identity_id % \(tied) + 1) % 7 <> 0;
            """)
        return world
    }

    private static func names(_ world: ReportWorld) throws -> [String] {
        try world.connection.rows("SELECT event FROM events GROUP BY event ORDER BY count(*) DESC, event LIMIT 7")
            .compactMap { $0[0].text }
    }

    private struct Dice {
        var generator: SeededGenerator
        let names: [String]
        let values: [(String, String)]

        mutating func one<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &generator)] }
        mutating func isTrue(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &generator) < share }

        mutating func choice() -> PlainLog.Choice {
            let all = isTrue(0.2) ? [one(names), one(names)] : [one(names)]
            let property = isTrue(0.25) ? one(values) : nil
            return PlainLog.Choice(names: all, property: property.map { (name: $0.0, value: $0.1) })
        }

        mutating func range(_ whole: ClosedRange<Int64>) -> ClosedRange<Int64>? {
            guard isTrue(0.5) else { return nil }
            let a = Int64.random(in: whole, using: &generator) / 1_000_000
            let b = Int64.random(in: whole, using: &generator) / 1_000_000
            return min(a, b) * 1_000_000...(max(a, b) + 1) * 1_000_000
        }
    }

    private static func json(_ range: ClosedRange<Int64>?) -> String {
        range.map { ",\"from\":\($0.lowerBound / 1_000_000),\"to\":\($0.upperBound / 1_000_000)" } ?? ""
    }

    private static func whole(_ world: ReportWorld) throws -> ClosedRange<Int64> {
        let row = try world.connection.row("SELECT min(timestamp), max(timestamp) FROM events")
        return (row?[0].timestamp ?? 0)...(row?[1].timestamp ?? 0)
    }

    private static let shopValues = [
        ("platform", "mobile"), ("platform", "desktop"), ("channel", "email"), ("cycle", "returning"), ("cycle", "new"),
    ]
    private static let purchaseValues = [("odd", "yes"), ("cds", "2"), ("cds", "1")]
    private static let zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]

    @Test("Funnels", arguments: ["shop", "purchases"])
    func funnels(_ name: String) throws {
        let world = try name == "shop" ? Self.shop() : Self.purchases()
        let log = try PlainLog(world.connection)
        var dice = Dice(
            generator: SeededGenerator(seed: 11), names: try Self.names(world),
            values: name == "shop" ? Self.shopValues : Self.purchaseValues)
        let whole = try Self.whole(world)
        // Enough for the persons, and not for all of their events.
        let little = (try world.connection.row("SELECT max(identity_id) FROM identities")?[0].int ?? 0) * 70
        for number in 0..<(name == "shop" ? Self.count : Self.count / 4) {
            var funnel = PlainLog.Funnel(steps: (0..<dice.one([2, 3, 4])).map { _ in dice.choice() })
            let window = dice.one([nil, "30s", "5m", "1h", "7d"] as [String?])
            funnel.window = window.map { Durations.microseconds($0) ?? 0 }
            funnel.isStrict = dice.isTrue(0.3)
            funnel.range = dice.range(whole)
            if dice.isTrue(0.4) {
                funnel.breakdown = (dice.one(dice.values).0, dice.one(["first", "last", "at_step"]), 0)
                if funnel.breakdown?.value == "at_step" { funnel.breakdown?.step = dice.one([0, 1]) }
            }
            var text = "{\"type\":\"funnel\",\"steps\":[\(funnel.steps.map(\.json).joined(separator: ","))]"
            if let window { text += ",\"window\":\"\(window)\"" }
            if funnel.isStrict { text += ",\"order\":\"strict\"" }
            if let breakdown = funnel.breakdown {
                let step = breakdown.value == "at_step" ? ",\"step\":\(breakdown.step + 1)" : ""
                text +=
                    ",\"breakdown\":{\"event_property\":\"\(breakdown.name)\",\"value\":\"\(breakdown.value)\"\(step)}"
            }
            text += Self.json(funnel.range) + "}"
            let ways = log.ways(funnel)
            var looked: Set<String> = []
            // Counted in memory, in one turn and in many, and by a statement.
            for tallied in [CohortTally.mostBytes, little, 0] {
                let answer = try world.ask(text, tallied: tallied)
                try Self.compare(ways, funnel, answer, "\(number), \(tallied): \(text)")
                looked.insert(answer.at("looked_at").text)
            }
            #expect(looked.count == 1, "\(number): \(text)")
        }
    }

    private static func compare(
        _ ways: [PlainLog.Way], _ funnel: PlainLog.Funnel, _ answer: JSONValue, _ text: String
    ) throws {
        func people(_ ways: [PlainLog.Way]) -> [Int64] {
            funnel.steps.indices.map { step in Int64(ways.count { $0.times.count > step }) }
        }
        #expect(answer.at("steps").numbers("people") == people(ways), "\(text)")
        let starts = funnel.steps.indices.map { step in Int64(ways.reduce(0) { $0 + $1.starts[step] }) }
        #expect(answer.at("steps").numbers("times") == starts, "\(text)")
        guard funnel.breakdown != nil else {
            for step in funnel.steps.indices.dropFirst() {
                let took = ways.compactMap { $0.took[step].map { Double($0) / 1e6 } }
                for (key, share) in [("median_seconds", 0.5), ("p90_seconds", 0.9)] {
                    let (found, wanted) = (answer.at("steps.\(step).\(key)").double, PlainLog.quantile(took, share))
                    #expect(near(found, wanted), "\(text): \(key) of \(step)")
                }
            }
            return
        }
        let groups = Dictionary(grouping: ways, by: \.key)
        #expect(answer.at("groups").arrayValue?.count == groups.count, "\(text)")
        for group in answer.at("groups").arrayValue ?? [] {
            #expect(group.at("steps").numbers("people") == people(groups[group.at("key").text] ?? []), "\(text)")
        }
    }

    private static func near(_ a: Double?, _ b: Double?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))
    }

    @Test("Cohorts", arguments: ["shop", "purchases"])
    func cohorts(_ name: String) throws {
        let world = try name == "shop" ? Self.shop() : Self.purchases()
        let log = try PlainLog(world.connection)
        var dice = Dice(
            generator: SeededGenerator(seed: 12), names: try Self.names(world),
            values: name == "shop" ? Self.shopValues : Self.purchaseValues)
        let whole = try Self.whole(world)
        for number in 0..<Self.count / 2 {
            let zone = dice.one(Self.zones)
            let cohort = PlainLog.Cohort(
                start: dice.choice(), comeback: dice.choice(), interval: dice.one(["day", "week", "month"]),
                periods: dice.one([1, 8, 62, 63, 100]), isFirst: dice.isTrue(0.5), isRelative: dice.isTrue(0.5),
                zone: TimeZone(identifier: zone) ?? .gmt, range: dice.range(whole))
            let text = """
                {"type":"cohort","start":\(cohort.start.json),"return":\(cohort.comeback.json),"periods":\(cohort.periods),\
                "interval":"\(cohort.interval)","mode":"\(cohort.isFirst ? "first" : "every")","timezone":"\(zone)",\
                "bucket":"\(cohort.isRelative ? "relative" : "calendar")"\(Self.json(cohort.range))}
                """
            let wanted = log.cohorts(cohort)
            var looked: Set<String> = []
            // Counted in memory, and by a statement.
            for tallied in [CohortTally.mostBytes, 0] {
                let answer = try world.ask(text, tallied: tallied)
                var found: [String: [Int]] = [:]
                for row in answer.at("rows").arrayValue ?? [] {
                    let values = (row.at("values").arrayValue ?? []).map { Int($0.intValue ?? -1) }
                    found[row.at("cohort").stringValue ?? ""] = [Int(row.at("people").intValue ?? -1)] + values
                }
                #expect(found == wanted, "\(number), \(tallied): \(text)")
                looked.insert(answer.at("looked_at").text)
            }
            #expect(looked.count == 1, "\(number): \(text)")
        }
    }

    @Test("Metrics", arguments: ["shop", "purchases"])
    func metrics(_ name: String) throws {
        let world = try name == "shop" ? Self.shop() : Self.purchases()
        let log = try PlainLog(world.connection)
        var dice = Dice(
            generator: SeededGenerator(seed: 13), names: try Self.names(world),
            values: name == "shop" ? Self.shopValues : Self.purchaseValues)
        let whole = try Self.whole(world)
        for number in 0..<Self.count / 2 {
            let zone = dice.one(Self.zones)
            var metric = PlainLog.Metric(
                events: dice.choice(),
                of: dice.one(["events", "people", "sum", "avg", "median", "p90", "p25", "min", "max"]),
                interval: dice.one(["day", "week", "month"]), zone: TimeZone(identifier: zone) ?? .gmt,
                range: dice.range(whole))
            if !["events", "people"].contains(metric.of) {
                metric.property = name == "shop" ? "platform" : dice.one(["amount", "cds"])
            }
            if dice.isTrue(0.5) { metric.breakdown = dice.one(dice.values).0 }
            let property = metric.property.isEmpty ? "" : ",\"property\":\"\(metric.property)\""
            let breakdown = metric.breakdown.map { ",\"breakdown\":{\"event_property\":\"\($0)\",\"top\":1000}" } ?? ""
            let text = """
                {"type":"metric","measure":\(metric.events.json.dropLast()),"of":"\(metric.of)"\(property)},\
                "interval":"\(metric.interval)","timezone":"\(zone)"\(breakdown)\(Self.json(metric.range))}
                """
            let expected = log.points(metric)
            let answer = try world.ask(text)
            let series = answer.at("series").arrayValue ?? []
            // Whoever is noted on the way is whoever is counted.
            for of in ["events", "people"] where metric.breakdown == nil || of == "events" {
                let counted = try world.ask(
                    "{\"type\":\"metric\",\"measure\":\(metric.events.json.dropLast()),\"of\":\"\(of)\"}\(Self.json(metric.range))}"
                )
                let looked = answer.at("looked_at.\(of)").intValue
                #expect(looked == counted.at("series.0.total").intValue, "\(number): \(of) of \(text)")
            }
            #expect(metric.breakdown == nil || series.count == expected.count, "\(number): \(text)")
            for one in series {
                let values = expected[one.at("key").text] ?? [:]
                let points = one.at("points").arrayValue ?? []
                #expect(Set(points.compactMap { $0.at("t").stringValue }).isSuperset(of: values.keys), "\(text)")
                for point in points {
                    let isZero = ["events", "people", "sum"].contains(metric.of)
                    let wanted = values[point.at("t").stringValue ?? ""] ?? (isZero ? 0 : nil)
                    #expect(Self.near(point.at("value").double, wanted), "\(number): \(point.text) \(text)")
                }
            }
        }
    }
}
