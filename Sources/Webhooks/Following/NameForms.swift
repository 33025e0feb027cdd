internal import EventStore
internal import Journal
internal import Model
internal import Synchronization

/// The forms in which names are stored, of what came without regard to case (KISSmetrics).
struct NameForms: Sendable {
    /// Names as they came.
    struct Names: Sendable {
        var events: Set<ExactText> = []
        var properties: Set<ExactText> = []

        /// Those of the events in a piece of the journal.
        ///
        /// - Parameter isWhole: those of imports and of what is set on people, too.
        init(in piece: JournalPiece, isWhole: Bool = false) {
            for frame in piece.frames {
                let payload = frame.payload.span
                var at = 0
                for _ in 0..<frame.count {
                    guard let item = ItemLayout(payload, at: &at) else { break }
                    guard item.flags.contains(.foldsNames), item.kind == .event || isWhole && item.kind == .set,
                        isWhole || item.wire != .importFile
                    else { continue }
                    if item.kind == .event { events.insert(ExactText(String(utf8: payload.extracting(item.name)))) }
                    guard case .object(let members)? = try? JSONValue(payload.extracting(item.properties)) else {
                        continue
                    }
                    for member in members { properties.insert(ExactText(member.key)) }
                }
            }
        }
    }

    var events: [ExactText: String] = [:]
    var properties: [ExactText: String] = [:]

    /// The name of an event as it is stored; one that nobody has used before has its own form.
    func event(_ name: String) -> String { events[ExactText(name)] ?? name }

    /// An object with its names as they are stored, the first of those that have one form.
    func object(_ object: [UInt8]) -> [UInt8] {
        guard case .object(let members)? = try? JSONValue(object.span) else { return object }
        var seen: Set<ExactText> = []
        var out: [JSONValue.Member] = []
        for member in members {
            let name = properties[ExactText(member.key)] ?? member.key
            if seen.insert(ExactText(name)).inserted { out.append(.init(name, member.value)) }
        }
        return out == members ? object : Array(JSONValue.object(out).text.utf8)
    }
}

/// Finds the forms of names. A form, once there, stays.
final class NameFormFinder: Sendable {
    private static let mostKept = 10_000

    private let store: EventStore
    private let kept = Mutex(NameForms())

    init(store: EventStore) { self.store = store }

    func forms(of names: NameForms.Names) async throws -> NameForms {
        guard !names.events.isEmpty || !names.properties.isEmpty else { return NameForms() }
        let known = kept.withLock { $0 }
        var found = NameForms()
        found.events = try await forms(of: names.events, known.events, areProperties: false)
        found.properties = try await forms(of: names.properties, known.properties, areProperties: true)
        let new = found
        kept.withLock { kept in
            if kept.events.count + kept.properties.count > Self.mostKept { kept = NameForms() }
            kept.events.merge(new.events) { $1 }
            kept.properties.merge(new.properties) { $1 }
        }
        return found
    }

    private func forms(
        of names: Set<ExactText>, _ known: [ExactText: String], areProperties: Bool
    ) async throws -> [ExactText: String] {
        let found = names.reduce(into: [ExactText: String]()) { $0[$1] = known[$1] }
        let missing = names.filter { found[$0] == nil }.map(\.text)
        guard !missing.isEmpty else { return found }
        return found.merging(try await store.storedNames(of: missing, areProperties: areProperties)) { $1 }
    }
}
