internal import DuckDB
internal import EventStore
internal import Model

/// The identities' texts and persons as of a `seq`, by their numbers: rows carry the number, and the writer puts text and
/// person in its place without a join, so that rows keep the order in which they are stored.
struct IdentityTable: Sendable {
    /// The texts one after another, already written as fields of the format (as they are for Parquet).
    private(set) var fields: [UInt8] = []
    /// Where the field of identity `i` begins; that of `i + 1` is its end. Only with all identities.
    private var starts: [Int] = [0, 0]
    /// Where the fields of a window's identities lie; nil with all identities.
    private(set) var places: [Int64: Range<Int>]?
    /// The person of each identity, by its number; empty while everyone is their own.
    private(set) var persons: [Int64] = []
    /// All identities in a file, where they are too many; then the tables above are empty.
    private(set) var pages: IdentityPages?

    /// Where identities go that are too many for the memory.
    struct Spill {
        let scratch: Scratch
        /// Bytes of all of them that are kept in memory.
        let most: Int
    }

    /// Reads the identities that exist as of a `seq`. Call it in the transaction that made `people` and `window`.
    ///
    /// - Parameters:
    ///   - window: the only ones that are asked for; nil for all.
    ///   - style: how the cells of a CSV look; nil where they are as usual.
    ///   - spill: nil where all are kept in memory, however many.
    init(
        _ connection: Connection, _ people: PeopleAsOf, _ window: WindowIdentities?, format: ExportFormat,
        style: CellStyle?, spill: Spill? = nil
    ) throws {
        let field = IdentityField(format: format, style: style)
        if let window {
            places = [:]
            var out = Output(capacity: 4_096)
            unsafe window.remembered.forEach { identity, text in
                // The text is lent for the call.
                unsafe field.write(text, &out)
                unsafe add(identity, out.bytes, person: identity)
            }
            guard window.hasOthers else { return }
            let only = "identity_id IN (SELECT identity_id FROM \(WindowIdentities.table))"
            try read(connection, people, only, field, &out)
            return
        }
        guard let last = try reserve(connection, format, spill) else { return }
        var out = Output(capacity: 4_096)
        for start in stride(from: Int64(0), through: last, by: Int(Self.step)) {
            let only = "identity_id >= \(start) AND identity_id < \(start + Self.step)"
            try read(connection, people, only, field, &out)
        }
        try pages?.finish()
    }

    /// Numbers that are read at once. The engine sorts them, and all together would take memory that grows with the store.
    private static let step: Int64 = 1 << 17

    private mutating func read(
        _ connection: Connection, _ people: PeopleAsOf, _ only: String, _ field: IdentityField, _ out: inout Output
    ) throws {
        let rows = try connection.query(
            "SELECT identity_id, identity, person_id FROM (\(people.sql)) q WHERE \(only) ORDER BY identity_id")
        while let chunk = try rows.nextChunk() {
            try Task.checkCancellation()
            for row in 0..<chunk.rowCount {
                let id = chunk.int64(0, row: row)
                let person = chunk.int64(2, row: row)
                chunk.text(1, row: row) { text in
                    // The text is lent for the call.
                    unsafe text.withUnsafeBufferPointer { unsafe field.write($0, &out) }
                }
                if let pages {
                    unsafe try pages.add(id, person: person, out.bytes)
                } else {
                    unsafe add(id, out.bytes, person: person)
                }
            }
        }
    }

    /// Makes room for all, so that arrays of millions are not copied while they grow; or a file, if they are too many.
    ///
    /// - Returns: the greatest number; nil if there are none.
    private mutating func reserve(
        _ connection: Connection, _ format: ExportFormat, _ spill: Spill?
    ) throws -> Int64? {
        guard let found = try connection.row("SELECT max(identity_id), sum(strlen(identity)) FROM identities"),
            let last = found[0].int, let bytes = found[1].int
        else { return nil }
        if let spill, Int(bytes) + Int(last) * MemoryLayout<Int>.stride > spill.most {
            pages = try IdentityPages(in: spill.scratch)
            return last
        }
        starts.reserveCapacity(Int(last) + 2)
        // Quotes come on top, where a text needs them; and numbers of those that are gone have none.
        fields.reserveCapacity(Int(bytes) + (format == .ndjson ? 2 * Int(last) : 0))
        return last
    }

    /// Adds an identity; those of the tables come in the order of their numbers.
    private mutating func add(_ id: Int64, _ field: UnsafeRawBufferPointer, person: Int64) {
        // Numbers that do not exist (any more) have no text.
        while places == nil, starts.count - 1 < Int(id) { starts.append(fields.count) }
        let start = fields.count
        unsafe fields.append(contentsOf: field)
        if places == nil { starts.append(fields.count) } else { places?[id] = start..<fields.count }
        if person != id, persons.isEmpty { persons = (0..<id).map { $0 } }
        if !persons.isEmpty {
            while persons.count < Int(id) { persons.append(Int64(persons.count)) }
            persons.append(person)
        }
    }

    /// One more than the greatest number; only with all identities.
    var count: Int { starts.count - 1 }

    /// The person of an identity; its own number where nothing tied it.
    @inline(__always)
    func person(_ identity: Int64) -> Int64 {
        let i = Int(identity)
        return i < persons.count ? persons[i] : identity
    }

    /// Where the field of an identity lies in `fields`; empty where there is no such identity.
    @inline(__always)
    func field(_ identity: Int64) -> Range<Int> {
        if let places { return places[identity] ?? 0..<0 }
        let i = Int(identity)
        guard i > 0, i &+ 1 < starts.count else { return 0..<0 }
        return starts[i]..<starts[i &+ 1]
    }
}

/// How the text of an identity is written as a field of a format.
struct IdentityField: Sendable {
    let format: ExportFormat
    let style: CellStyle?

    /// Puts the field, and nothing else, into `out`.
    func write(_ text: UnsafeBufferPointer<UInt8>, _ out: inout Output) {
        out.removeAll()
        guard let start = text.baseAddress else { return }
        let count = text.count
        // The text is lent for the call.
        switch format {
        case .csv:
            if let style {
                unsafe out.put(cell: start, count, style)
            } else {
                unsafe out.put(csv: start, count)
            }
        case .ndjson, .kissmetrics: unsafe out.put(jsonString: start, count)
        case .parquet:
            out.reserve(count)
            unsafe out.put(start, count)
        }
    }
}
