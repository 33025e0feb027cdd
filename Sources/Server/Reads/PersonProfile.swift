internal import Control
internal import EventStore
internal import Model
internal import People

/// What a person's document has beside the person, as `include` names it: `segments` for the saved segments that the person is
/// in, `computed` for the computed columns, `property_times` for when each current property was set. None comes unasked, since
/// look-ups are to be quick however many segments and columns there are.
struct PersonProfile: Sendable {
    private static let parts = ["segments", "computed", "property_times"]

    private let hasTimes: Bool
    private let computed: [ComputedColumn]?
    /// Whether the person's own document is all.
    let isPlain: Bool
    private let segments: [(record: SegmentRecord, question: SegmentQuestion)]?

    init(_ exchange: Exchange) async throws {
        let names = (exchange.query["include"] ?? "").split(separator: ",").map(String.init)
        if let other = names.first(where: { !Self.parts.contains($0) }) {
            throw Problem.parameter(
                "include", "\"\(other.prefix(64))\" is not known; there are \(Self.parts.joined(separator: ", "))")
        }
        isPlain = names.isEmpty
        hasTimes = names.contains("property_times")
        if hasTimes { try exchange.requireColumns([.builtin(.timestamp)]) }
        computed = names.contains("computed") ? try await exchange.computedColumns(exchange.receivedAt) : nil
        guard names.contains("segments") else {
            segments = nil
            return
        }
        var all: [(record: SegmentRecord, question: SegmentQuestion)] = []
        for record in try await exchange.app.control.segments(project: try exchange.project().name) {
            // A key with a list of columns does not hear of what it may not ask.
            guard try await exchange.sees(record) else { continue }
            let question = try await exchange.question(
                try JSONValue(text: record.draft.tree), timezone: record.draft.timezone, version: record.version)
            all.append((record, question))
        }
        segments = all
    }

    func document(_ person: Person, _ reader: PeopleReader) throws -> [UInt8] {
        var out = person.json
        if let computed {
            add("computed", try reader.computed(computed, of: [person.id])[person.id] ?? [:], to: &out)
        }
        if hasTimes {
            let times = try reader.propertyTimes(of: person.id).map { name, time in
                JSONValue.Member(name, .string(time.text))
            }
            add("property_times", .object(times), to: &out)
        }
        if let segments {
            let found = try reader.explain(segments.map { ($0.question.tree, $0.question.json) }, of: person.id)
            let held = zip(segments, found).filter { $0.1.holds }.map { segment, _ -> JSONValue in
                [
                    "id": .string(segment.record.id), "name": .string(segment.record.draft.name),
                    "version": JSONValue(segment.record.version),
                ]
            }
            add("segments", .array(held), to: &out)
        }
        return out
    }

    /// Adds a member to an object that is written already.
    private func add(_ name: String, _ value: JSONValue, to out: inout [UInt8]) {
        out.removeLast()
        out += Array(",\"\(name)\":\(value.text)}".utf8)
    }
}
