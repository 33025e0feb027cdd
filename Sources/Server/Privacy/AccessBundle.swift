internal import Control
internal import DuckDB
internal import EventStore
internal import Hummingbird
internal import Model
internal import People

/// All that the server has of some persons as one JSON document of one state of the store, written page by page. Memory is
/// bounded but for 16 bytes a row, by which the ledger of exports is asked at the end.
struct AccessBundle: Sendable {
    /// How much was handed out; names nobody.
    struct Counts: Sendable {
        var persons: Int64 = 0
        var events: Int64 = 0
        var changes: Int64 = 0
        var aliases: Int64 = 0
        var rejects: Int64 = 0
        var exports: Int64 = 0

        var total: Int64 { persons + events + changes + aliases + rejects + exports }
    }

    /// What is written next, and after what it goes on.
    private enum Stage {
        case persons(Int)
        case aliases(Int64)
        case events(HistoryPlace)
        case changes(HistoryPlace)
        case rejects(Int64)
        case exports
        case end
    }

    private static let pageRows = 500

    let runtime: ProjectRuntime
    let control: ControlStore
    let circle: PersonCircle
    let asOfSeq: Int64
    let asOf: Timestamp
    private(set) var counts = Counts()
    /// By which rejects are found: as asked for, and all that is tied to it.
    private let matcher: IdentityMatcher
    private let epoch: Int64
    private var trace: PersonTrace
    private var stage = Stage.persons(0)
    private var isFirst = true

    init(
        _ circle: PersonCircle, asked: [String], runtime: ProjectRuntime, control: ControlStore, asOfSeq: Int64,
        asOf: Timestamp, epoch: Int64
    ) {
        (self.circle, self.runtime, self.control) = (circle, runtime, control)
        (self.asOfSeq, self.asOf, self.epoch) = (asOfSeq, asOf, epoch)
        matcher = IdentityMatcher(asked + circle.identities.map(\.text))
        trace = PersonTrace(firstSeq: circle.identities.map(\.firstSeq).min() ?? .max)
    }

    /// The next bytes of the document; nil after the last.
    mutating func next() async throws -> [UInt8]? {
        var out: [UInt8] = []
        switch stage {
        case .persons(let place):
            if place == 0 { out += "{\"persons\":[".utf8 }
            guard place < circle.persons.count else { return end(&out, "aliases", .aliases(0)) }
            let id = circle.persons[place]
            // Only an erasure makes a person go.
            let columns = try await runtime.columns.columns(at: asOf)
            let (answer, computed) = try await read { reader in
                (try reader.person(id), try reader.computed(columns, of: [id])[id] ?? [:])
            }
            guard case .person(let person) = answer else { throw ConnectionEnd() }
            add(person, to: &out) { [circle] in write($0, computed, circle, to: &$1) }
            counts.persons += 1
            stage = .persons(place + 1)
        case .aliases(let seq):
            let page = try await read { [circle] in try $0.aliases(of: circle, after: seq, limit: Self.pageRows) }
            for alias in page { add(alias, to: &out) { $0.write(to: &$1) } }
            counts.aliases += Int64(page.count)
            guard let last = page.last else { return end(&out, "events", .events(.start)) }
            stage = .aliases(last.seq)
        case .events(let place):
            let page = try await read { [circle] in try $0.events(of: circle, after: place, limit: Self.pageRows) }
            for event in page {
                add(event, to: &out) { $0.write(to: &$1) }
                trace.events.append(.init(seq: event.seq, timestamp: event.timestamp))
            }
            counts.events += Int64(page.count)
            guard let last = page.last else { return end(&out, "property_changes", .changes(.start)) }
            stage = .events(HistoryPlace(last))
        case .changes(let place):
            let page = try await read { [circle] in try $0.changes(of: circle, after: place, limit: Self.pageRows) }
            for change in page {
                add(change, to: &out, write)
                trace.changes.append(.init(seq: change.seq, timestamp: change.timestamp))
            }
            counts.changes += Int64(page.count)
            guard let last = page.last else { return end(&out, "rejects", .rejects(0)) }
            stage = .changes(HistoryPlace(last))
        case .rejects(let seq):
            let (named, last) = try await read { [matcher] reader in
                let page = try reader.rejects(after: seq, limit: Self.pageRows)
                return (page.filter { matcher.isNamed(in: $0.raw) }, page.last?.seq)
            }
            for reject in named { add(reject, to: &out) { $0.write(to: &$1) } }
            counts.rejects += Int64(named.count)
            guard let last else { return end(&out, "exports", .exports) }
            stage = .rejects(last)
        case .exports:
            for run in try await ExportLedger.runs(holding: trace, project: runtime.name, control: control) {
                add(run.id, to: &out) { JSONText.appendString($0, to: &$1) }
                counts.exports += 1
            }
            let rest: JSONValue = ["as_of_seq": JSONValue(asOfSeq), "as_of": JSONValue(asOf)]
            out += "],".utf8
            out += rest.text.utf8.dropFirst()
            stage = .end
        case .end: return nil
        }
        return out
    }

    /// Reads a page. They are all of one state, unless rows were erased meanwhile: then the document breaks off.
    private func read<T: Sendable>(_ body: @escaping @Sendable (PeopleReader) throws -> T) async throws -> T {
        let (asOfSeq, epoch, store) = (asOfSeq, epoch, runtime.store)
        return try await store.readPinned { connection, pinned in
            guard store.erasureEpoch == epoch else { throw ConnectionEnd() }
            return try body(PeopleReader(connection, pinned, asOf: asOfSeq))
        }
    }

    /// Adds an element to the list that is being written.
    private mutating func add<Element>(
        _ element: Element, to out: inout [UInt8], _ write: (Element, inout [UInt8]) -> Void
    ) {
        if !isFirst { out.append(0x2c) }
        isFirst = false
        write(element, &out)
    }

    /// Ends the list that is being written and begins the next.
    private mutating func end(_ out: inout [UInt8], _ name: String, _ next: Stage) -> [UInt8] {
        out += "],\"\(name)\":[".utf8
        stage = next
        isFirst = true
        return out
    }
}

/// `{"person_id","identities":[{"identity","first_seq"}],"properties","first_seen","last_seen","events_total","computed"}`.
private func write(_ person: Person, _ computed: JSONValue, _ circle: PersonCircle, to out: inout [UInt8]) {
    let identities = circle.identities.filter { $0.person == person.id }.map { identity -> JSONValue in
        ["identity": .string(identity.text), "first_seq": JSONValue(identity.firstSeq)]
    }
    let before: JSONValue = ["person_id": .string(person.id.text), "identities": .array(identities)]
    let after: JSONValue = [
        "first_seen": JSONValue(person.firstSeen), "last_seen": JSONValue(person.lastSeen),
        "events_total": JSONValue(person.eventsTotal), "computed": computed,
    ]
    out += before.text.utf8.dropLast()
    out += ",\"properties\":".utf8
    // As they are stored: numbers keep their digits.
    out += person.properties
    out.append(0x2c)
    out += after.text.utf8.dropFirst()
}

/// `{"seq","identity","timestamp","name","value"}`.
private func write(_ change: PropertyChange, to out: inout [UInt8]) {
    let before: JSONValue = [
        "seq": JSONValue(change.seq), "identity": .string(change.identity), "timestamp": JSONValue(change.timestamp),
        "name": .string(change.name),
    ]
    out += before.text.utf8.dropLast()
    out += ",\"value\":".utf8
    out += change.value
    out.append(0x7d)
}
