internal import Collect
internal import EventStore
internal import Model

/// What of a batch the store has from before the journal's memory.
///
/// An event that came with an id is known by it, one of KISSmetrics' export by identity, name and time. Properties and aliases
/// have no ids in the store: they are known if the same is there, of the same time.
struct KnownRows {
    enum Verdict: Equatable {
        /// The row is for the journal, whole.
        case new
        /// The store has the row, but for these of its parts.
        case known(newParts: [Int])
    }

    /// One for each row.
    private(set) var verdicts: [Verdict]
    /// Which of the items that follow from rows are known: the row's place, and the item's in `more`.
    private(set) var follows: Set<[Int]> = []

    /// - Parameter limit: only what is stored under a `seq` up to this is asked for; with 0 nothing is.
    init(_ batch: ImportBatch, in store: EventStore, upTo limit: Int64) async throws {
        verdicts = Array(repeating: .new, count: batch.rows.count)
        guard limit > 0 else { return }
        var sought = Sought()
        let asked = batch.rows.map { sought.add($0) }
        let contents = try await store.places(of: sought.contents, upTo: limit)
        let ids = try await Self.places(of: sought.ids, in: store, upTo: limit)
        func isKnown(_ asked: Sought.Asked) -> Bool {
            switch asked {
            case .contents(let range): !range.isEmpty && range.allSatisfy(contents.contains)
            case .id(let place): ids.contains(place)
            }
        }
        for (place, row) in asked.enumerated() {
            let newParts = row.parts.indices.filter { !isKnown(row.parts[$0]) }
            let isItem = if let item = row.item { isKnown(item) } else { newParts.count < row.parts.count }
            if isItem { verdicts[place] = .known(newParts: newParts) }
            for (number, item) in row.more.enumerated() where isKnown(item) { follows.insert([place, number]) }
        }
    }

    /// The places of those ids that the store has. By their bytes, as the store compares: texts are equal in Swift that
    /// Unicode only calls equivalent (é as one character or as two), and those are different ids.
    private static func places(
        of ids: [[UInt8]], in store: EventStore, upTo limit: Int64
    ) async throws -> Set<Int> {
        var places: [[UInt8]: [Int]] = [:]
        for (place, id) in ids.enumerated() { places[id, default: []].append(place) }
        var known: Set<Int> = []
        var rest = places.keys.map { String(decoding: $0, as: UTF8.self) }
        while !rest.isEmpty {
            // The answer is a set of texts, which holds one of several such ids: they are asked for one after another.
            var asked: Set<String> = []
            var later: [String] = []
            for id in rest where !asked.insert(id).inserted { later.append(id) }
            for id in try await store.existingEventIDs(Array(asked), upTo: limit) {
                known.formUnion(places[Array(id.utf8)] ?? [])
            }
            rest = later
        }
        return known
    }
}

/// What a batch's rows ask the store for.
private struct Sought {
    /// What tells of one item: some of `contents`, all of which must be there, or one of `ids`.
    enum Asked {
        case contents(Range<Int>)
        case id(Int)
    }

    struct Row {
        /// nil where the parts alone tell.
        var item: Asked?
        var parts: [Asked] = []
        var more: [Asked] = []
    }

    private(set) var contents: [SoughtContent] = []
    private(set) var ids: [[UInt8]] = []

    mutating func add(_ row: ImportRow) -> Row {
        let partsTell = row.item.kind == .set && !row.parts.isEmpty
        let item = partsTell ? nil : add(row.item, nth: row.nth)
        let parts = row.parts.map { add($0, nth: row.nth) }
        return Row(item: item, parts: parts, more: row.more.map { add($0, nth: 1) })
    }

    private mutating func add(_ item: Item, nth: Int) -> Asked {
        let start = contents.count
        switch item.kind {
        case .event:
            guard item.flags.contains(.foldsNames) else {
                ids.append(item.id)
                return .id(ids.count - 1)
            }
            let name = NameFolding.folded(item.name.span)
            contents.append(.event(identity: item.identity, name: name, time: item.timestamp, nth: nth))
        case .set: addChanges(item, nth: nth)
        case .alias: contents.append(.alias(identity: item.identity, other: item.other, time: item.timestamp))
        case .reject: contents.append(.reject(reason: item.name, raw: item.properties))
        case .undo: break
        }
        return .contents(start..<contents.count)
    }

    private mutating func addChanges(_ item: Item, nth: Int) {
        let folds = item.flags.contains(.foldsNames)
        let object = item.properties.span
        var seen: Set<[UInt8]> = []
        var at = 0
        // It was scanned when it was read, so nothing is thrown.
        try? JSONScanner.object(object, &at) { (key, at) throws(JSONError) in
            var name: [UInt8] = []
            JSONText.appendUnescaped(key, in: object, to: &name)
            let value = try JSONScanner.value(object, &at)
            if folds { name = NameFolding.folded(name.span) }
            // Of a name given twice, the store has the first.
            guard seen.insert(name).inserted else { return }
            contents.append(
                .change(
                    identity: item.identity, name: name, folds: folds, value: Array(copying: object.extracting(value)),
                    time: item.timestamp, nth: nth))
        }
    }
}
