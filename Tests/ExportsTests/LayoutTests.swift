import EventStore
import Foundation
import Journal
import Model
import Testing

@testable import Exports

@Suite("Exports in the KISSmetrics layout")
struct LayoutTests {
    private let plain = #"{"dataset":"events","format":"kissmetrics"}"#

    private func lines(_ live: LiveStore, _ folder: String = "km") throws -> [JSONValue] {
        let path = live.folder + "/" + folder + "/revisions"
        let numbers = try FileManager.default.contentsOfDirectory(atPath: path).compactMap { Int($0.dropLast(5)) }
            .sorted()
        #expect(numbers == Array(1...max(numbers.count, 1)).prefix(numbers.count).map { $0 })
        return try numbers.flatMap { number in
            try live.contents("\(folder)/revisions/\(number).json").split(separator: "\n").map {
                try JSONValue(text: String($0))
            }
        }
    }

    @discardableResult
    private func run(_ live: LiveStore, _ json: String? = nil, id: String = "ex_1") async throws -> Manifest {
        try await ExportRunner.run(
            try await live.resolve(try spec(json ?? plain)), on: live.store, to: live.folder + "/km", exportID: id,
            runID: id)
    }

    private func texts(_ lines: [JSONValue]) -> [String] { lines.map(\.text) }

    private let sets: ItemFlags = [.setsProperties, .foldsNames]

    @Test func allKindsInTheOrderOfSeq() async throws {
        try await LiveStore.with { live in
            try await live.write([
                item(.event, "anon", name: "Visited Site", #"{"Referrer":"Direct"}"#, at: 100, flags: sets, id: "1"),
                item(.alias, "anon", other: "ann@e.com", at: 101),
                item(
                    .event, "ann@e.com", name: "Signed Up", #"{"Plan":"Pro","Seats":12}"#, at: 90, flags: sets, id: "2"),
                item(.set, "ann@e.com", #"{"b":"2","A":"1"}"#, at: 103),
                item(.event, "bob", name: "Opened", #"{"x":{"y":1}}"#, at: 104, id: "3"),
            ])
            let manifest = try await run(live)
            #expect(
                texts(try lines(live)) == [
                    #"{"_p":"anon","_t":100,"_n":"visited site","referrer":"Direct"}"#,
                    #"{"_p":"anon","_t":101,"_p2":"ann@e.com"}"#,
                    #"{"_p":"ann@e.com","_t":90,"_n":"signed up","plan":"Pro","seats":"12"}"#,
                    #"{"_p":"ann@e.com","_t":103,"a":"1","b":"2"}"#,
                    #"{"_p":"bob","_t":104,"_n":"opened","x":"{\"y\":1}"}"#,
                ])
            #expect(
                try live.contents("km/index.csv")
                    == "filename,min_timestamp,max_timestamp,min_utc_date,max_utc_date\n"
                    + "revisions/1.json,90,104,1970-01-01 00:01 GMT,1970-01-01 00:01 GMT\n")
            #expect(manifest.parts.map(\.file) == ["km/revisions/1.json"] && manifest.rows == 5)
            #expect(manifest.seqFrom == 0 && manifest.seqTo == 5)
            #expect(manifest.layout?["lines"]?.text == #"{"events":3,"properties":1,"aliases":1}"#)
            #expect(manifest.layout?["changed"]?["event_properties"]?.intValue == 1)
            #expect(manifest.layout?["changed"]?["nested_values"]?.intValue == 1)
            #expect(try ManifestVerifier.verify(live.folder + "/km.manifest.json").manifest == manifest)
            #expect(live.files.filter { $0.hasPrefix("km") } == ["km", "km.manifest.json"])
        }
    }

    @Test func furtherRunsAddWhatIsNew() async throws {
        try await LiveStore.with { live in
            var wanted: [String] = []
            var first: [UInt8] = []
            for round in 1...4 {
                if round != 3 {
                    // Late ones, too: what is new is what was stored since, whatever its time.
                    try await live.write(
                        (0..<5).map { n in
                            item(.event, "p\(n)", name: "E", at: Int64(1_000 - round * 100 + n), id: "\(round)-\(n)")
                        })
                    wanted += (0..<5).map { n in #"{"_p":"p\#(n)","_t":\#(1_000 - round * 100 + n),"_n":"e"}"# }
                }
                let manifest = try await run(
                    live, #"{"dataset":"events","format":"kissmetrics","part_rows":2}"#, id: "ex_\(round)")
                #expect(manifest.rows == (round == 3 ? 0 : 5) && manifest.parts.count == (round == 3 ? 0 : 3))
                #expect(texts(try lines(live)) == wanted)
                #expect(try ManifestVerifier.verify(live.folder + "/km.manifest.json").manifest == manifest)
                if round == 1 { first = try live.bytes("km/revisions/3.json") }
            }
            #expect(try live.bytes("km/revisions/3.json") == first)
            #expect(try live.contents("km/index.csv").split(separator: "\n").count == 10)
            #expect(try live.contents("km/status.csv").hasSuffix("\n9,9,604,1970-01-01 00:10 GMT\n"))
            // The same export run again, as after a crash, is done.
            let again = try await run(live, id: "ex_4")
            #expect(try again.parts.count == 3 && texts(lines(live)) == wanted)
        }
    }

    @Test func windowsOfSeqJoin() async throws {
        try await LiveStore.with { live in
            // More items than one window takes, of all kinds, their changes and events mixed.
            let width = Int(LayoutQuery.width)
            var wanted: [String] = []
            for start in stride(from: 0, to: width + 5_000, by: 20_000) {
                try await live.write(
                    (start..<min(start + 20_000, width + 5_000)).map { n in
                        n.isMultiple(of: 3)
                            ? item(.set, "p\(n % 97)", #"{"n":\#(n)}"#, at: Int64(n))
                            : item(.event, "p\(n % 97)", name: "E", at: Int64(n), id: "\(n)")
                    })
            }
            for n in 0..<(width + 5_000) {
                wanted.append(
                    n.isMultiple(of: 3)
                        ? #"{"_p":"p\#(n % 97)","_t":\#(n),"n":"\#(n)"}"#
                        : #"{"_p":"p\#(n % 97)","_t":\#(n),"_n":"e"}"#)
            }
            let manifest = try await run(live)
            #expect(manifest.parts.map(\.rows) == [100_000, 100_000, 5_000])
            #expect(texts(try lines(live)) == wanted)
        }
    }

    /// Two events of one person in the same second are two: the second line says so, in further runs, too.
    @Test func repeatsSayWhichTheyAre() async throws {
        try await LiveStore.with { live in
            func visit(_ name: String, _ id: String, _ identity: String = "a") -> Item {
                var event = item(.event, identity, name: name, at: 7, id: id)
                event.timestamp.microseconds += 100_000
                return event
            }
            try await live.write([
                visit("Visited", "1"), visit("visited", "2"), visit("Visited", "3", "b"), visit("Vis,ited", "4"),
                item(.event, "a", name: "Visited", at: 8, id: "5"),
                item(.set, "a", #"{"plan":"x","n":1}"#, at: 7), item(.set, "a", #"{"plan":"y"}"#, at: 7),
                item(.set, "a", #"{"Plan":"x","n":2}"#, at: 7),
                // A change that came with an event is none of them.
                item(.event, "a", name: "Set", #"{"plan":"x"}"#, at: 7, flags: sets, id: "6"),
            ])
            try await run(live)
            try await live.write([
                visit("VISITED", "7"), visit("Vis:ited", "8"), item(.set, "a", #"{"plan":"x"}"#, at: 7),
            ])
            try await run(live, id: "ex_2")
            #expect(
                texts(try lines(live)) == [
                    #"{"_p":"a","_t":7,"_n":"visited"}"#, #"{"_p":"a","_t":7,"_n":"visited","_nth":"2"}"#,
                    #"{"_p":"b","_t":7,"_n":"visited"}"#, #"{"_p":"a","_t":7,"_n":"vis ited"}"#,
                    #"{"_p":"a","_t":8,"_n":"visited"}"#, #"{"_p":"a","_t":7,"n":"1","plan":"x"}"#,
                    #"{"_p":"a","_t":7,"plan":"y"}"#, #"{"_p":"a","_t":7,"n":"2"}"#,
                    #"{"_p":"a","_t":7,"plan":"x","_nth":"2"}"#, #"{"_p":"a","_t":7,"_n":"set","plan":"x"}"#,
                    #"{"_p":"a","_t":7,"_n":"visited","_nth":"3"}"#, #"{"_p":"a","_t":7,"_n":"vis ited","_nth":"2"}"#,
                    #"{"_p":"a","_t":7,"plan":"x","_nth":"3"}"#,
                ])
        }
    }

    @Test func undoneAliasesAreCounted() async throws {
        try await LiveStore.with { live in
            try await live.write([
                item(.alias, "a", other: "b", at: 1), item(.alias, "c", other: "d", at: 2),
                item(.undo, "", name: "1", at: 3),
            ])
            var manifest = try await run(live)
            #expect(texts(try lines(live)) == [#"{"_p":"c","_t":2,"_p2":"d"}"#])
            #expect(manifest.layout?["left_out"]?["undone_aliases"]?.intValue == 1)
            try await live.write([item(.undo, "", name: "2", at: 4)])
            manifest = try await run(live, id: "ex_2")
            #expect(manifest.rows == 0 && manifest.layout?["left_out"]?["aliases_undone_later"]?.intValue == 1)
        }
    }

    @Test func aRunCanEndEarlier() async throws {
        try await LiveStore.with { live in
            try await live.write((1...6).map { item(.event, "a", name: "E", at: Int64($0), id: "\($0)") })
            try await run(live, #"{"dataset":"events","format":"kissmetrics","seq_to":2}"#)
            try await run(live, #"{"dataset":"events","format":"kissmetrics","as_of_seq":4,"seq_from":2}"#, id: "ex_2")
            #expect(try lines(live).compactMap { $0["_t"]?.intValue } == [1, 2, 3, 4])
            for wrong in [#""seq_to":3"#, #""seq_from":2"#, #""seq_from":5"#] {
                let error = await #expect(throws: ExportError.self) {
                    try await run(live, #"{"dataset":"events","format":"kissmetrics",\#(wrong)}"#, id: "ex_3")
                }
                #expect(error?.code == .invalidSpec)
            }
            try await run(live, id: "ex_4")
            #expect(try lines(live).compactMap { $0["_t"]?.intValue } == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test(arguments: [
        #""columns":["seq"]"#, #""where":{"event":"E"}"#, #""from":"2026-01-01""#, #""to":"2026-01-01""#,
        #""order":"timestamp""#, #""identified":true"#, #""compression":"gzip""#, #""dataset":"people""#,
        #""dataset":"aliases""#,
    ])
    func whatHasNoMeaning(_ member: String) throws {
        let dataset = member.hasPrefix(#""dataset""#) ? "" : #""dataset":"events","#
        let spec = try spec("{\(dataset)\"format\":\"kissmetrics\",\(member)}")
        let error = #expect(throws: ExportError.self) { try spec.check() }
        #expect(error?.code == .invalidSpec && error?.message.contains("kissmetrics") == true)
    }

    @Test func theSpecificationOfAManifestIsOne() async throws {
        try await LiveStore.with { live in
            try await live.write([item(.event, "a", name: "E", at: 1, id: "1")])
            let manifest = try await run(live)
            let again = try await live.resolve(try ExportSpec(json: manifest.spec))
            let second = try await ExportRunner.run(
                again, on: live.store, to: live.folder + "/km2", exportID: "ex_9", runID: "ex_9")
            #expect(second.sha256 == manifest.sha256 && second.spec == manifest.spec)
        }
    }

    @Test func aFailedRunLeavesNothing() async throws {
        try await LiveStore.with { live in
            try await live.write([item(.event, "a", name: "E", at: 1, id: "1")])
            try FileManager.default.createDirectory(
                atPath: live.folder + "/km/revisions", withIntermediateDirectories: true)
            try Data("x".utf8).write(to: URL(fileURLWithPath: live.folder + "/km/revisions/1.json"))
            await #expect(throws: ExportError.self) { try await run(live) }
            #expect(live.files.filter { $0.hasPrefix("km") } == ["km"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: live.folder + "/km") == ["revisions"])
        }
    }
}
