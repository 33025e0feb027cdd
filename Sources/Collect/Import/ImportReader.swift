public import Model

/// Reads a file of events in chunks and yields its rows in batches.
///
/// The same bytes give the same items, however they are cut into chunks: an import that was interrupted is read again from
/// the start, and what is stored already is found by its id.
public struct ImportReader {
    public enum Format: String, Sendable, CaseIterable {
        /// With a header; every row has as many cells.
        case csv
        /// One native item a line; `event_id` is taken for `id`. With a mapping, one flat object a line.
        case ndjson
        /// A revision of KISSmetrics' export: one event, set or alias a line.
        case kissmetrics
        /// One Segment message a line, as archives keep them.
        case segment

        /// Whether a mapping can say which column is what, and a zone what times without one mean.
        public var isMapped: Bool { self == .csv || self == .ndjson }
    }

    /// A batch ends with the row that reaches this many bytes, however few rows it has.
    private static let batchBytes = 16 << 20

    private var csv: CSVImport?
    private var lines: NDJSONImport?
    private var kissmetrics: KissmetricsImport?
    private var segment: SegmentImport?
    private let batchRows: Int
    private var pending: [ImportRow] = []

    /// `mapping` nil: CSV columns as our own exports of events name them, NDJSON lines as native items. `receivedAt` is
    /// the time of the import, and that of rows without a time.
    public init(
        format: Format, mapping: ImportMapping? = nil, zone: ImportZone = .utc, receivedAt: Timestamp,
        ids: IDGenerator, batchRows: Int = 5_000
    ) {
        self.batchRows = max(1, batchRows)
        let builder = ImportItemBuilder(zone: zone, receivedAt: receivedAt)
        switch format {
        case .csv: csv = CSVImport(mapping: mapping ?? .events, builder: builder)
        case .ndjson:
            lines = NDJSONImport(mapping: mapping, builder: builder, ids: ids.sequence(at: receivedAt))
        case .kissmetrics: kissmetrics = KissmetricsImport(builder: builder)
        case .segment: segment = SegmentImport(builder: builder, ids: ids.sequence(at: receivedAt))
        }
    }

    /// Takes the next bytes of the file; returns the batches that are full. Throws `.mapping` if the file does not have
    /// the mapped columns.
    public mutating func read(_ chunk: [UInt8]) throws(CollectError) -> [ImportBatch] {
        try advance(chunk, isLast: false)
        return batches(all: false)
    }

    /// Ends the file; returns what is left.
    public mutating func finish() throws(CollectError) -> [ImportBatch] {
        try advance([], isLast: true)
        return batches(all: true)
    }

    private mutating func advance(_ chunk: [UInt8], isLast: Bool) throws(CollectError) {
        try csv?.read(chunk, isLast: isLast, into: &pending)
        lines?.read(chunk, isLast: isLast, into: &pending)
        kissmetrics?.read(chunk, isLast: isLast, into: &pending)
        segment?.read(chunk, isLast: isLast, into: &pending)
    }

    private mutating func batches(all: Bool) -> [ImportBatch] {
        var out: [ImportBatch] = []
        var at = 0
        var bytes = 0
        for (place, row) in pending.enumerated() {
            bytes += row.item.properties.count
            guard place + 1 - at >= batchRows || bytes >= Self.batchBytes else { continue }
            out.append(ImportBatch(rows: Array(pending[at...place])))
            (at, bytes) = (place + 1, 0)
        }
        if all, at < pending.count {
            out.append(ImportBatch(rows: Array(pending[at...])))
            at = pending.count
        }
        pending.removeFirst(at)
        return out
    }
}
