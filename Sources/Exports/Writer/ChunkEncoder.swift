internal import DuckDB
internal import Model

/// Writes rows as CSV or NDJSON from the engine's chunks, with no allocation for a row.
///
/// CSV is RFC 4180: a header, CRLF, quotes only where they are needed; an empty text is `""`, a missing value nothing. In a
/// file of one column a missing value is `""`, too: nothing would be an empty line, which readers skip, and the row would be
/// lost. NDJSON has every key in every line, and `null` for a missing value. Times are `YYYY-MM-DDTHH:MM:SS.ffffffZ`.
/// A CSV with cells that are not as usual has a loop of its own (`writeCells`), so that the usual one asks nothing of it.
struct ChunkEncoder {
    private let columns: [PlannedColumn]
    /// Which of the statement's columns each column is made of.
    private let sources: [Int]
    private let isCSV: Bool
    /// Whether a missing value is written as `""`, since its line would be empty.
    private let quotesMissing: Bool
    private let identities: IdentityTable?
    private(set) var picker: PropertyPicker
    /// The column of the statement from which the picker reads.
    let pickedFrom: Int?
    /// What stands before each field of NDJSON: the comma or brace, and the key.
    private let leads: [[UInt8]]
    var numbers = NumberWriter()
    private let hasByteOrderMark: Bool
    /// How cells look that are not as usual; nil where all are.
    var style: CellStyle?
    private let kinds: [FieldKind]
    private let bits: ValidBits
    private var found = FoundIdentities()
    private let identityColumn: Int?

    /// One field of every row: how it is made, and of what.
    struct Step {
        let kind: FieldKind
        let source: Int
        let column: RawColumn
    }

    /// The end of a record.
    static let csvLineEnd: [UInt8] = [0x0d, 0x0a]
    static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

    /// An encoder for the rows of a query's statement.
    ///
    /// - Parameter style: how the cells of a CSV look; nil where they are as usual.
    init(_ query: ExportQuery, identities: IdentityTable?, style: CellStyle?) {
        let expressions = query.expressions
        self.init(
            query.columns, sources: query.columns.map { expressions.firstIndex(of: $0.sql) ?? 0 },
            format: query.spec.format, identities: identities, picks: query.picks,
            hasByteOrderMark: query.spec.sheet.hasByteOrderMark, style: style)
    }

    /// - Parameters:
    ///   - sources: which of the statement's columns each column is made of.
    ///   - picks: the properties that columns of the kind `.picked` name by index.
    init(
        _ columns: [PlannedColumn], sources: [Int], format: ExportFormat, identities: IdentityTable?, picks: [String],
        hasByteOrderMark: Bool, style: CellStyle?
    ) {
        self.columns = columns
        self.sources = sources
        kinds = columns.map(\.kind)
        bits = ValidBits(columns: (sources.max() ?? 0) + 1)
        // All columns of identities are made of the row's one.
        let isKept = identities?.pages == nil
        identityColumn = columns.firstIndex {
            $0.kind == .identityText || !isKept && $0.kind == .identityPerson
        }.map { sources[$0] }
        isCSV = format == .csv
        quotesMissing = format == .csv && columns.count == 1
        self.identities = identities
        self.hasByteOrderMark = hasByteOrderMark
        self.style = style
        picker = PropertyPicker(picks)
        pickedFrom = columns.firstIndex { if case .picked = $0.kind { true } else { false } }.map { sources[$0] }
        leads = columns.enumerated().map { (i, column) in
            if format == .csv { return [] }
            var lead: [UInt8] = i == 0 ? [0x7b] : [0x2c]
            JSONText.appendString(column.name, to: &lead)
            lead.append(0x3a)
            return lead
        }
    }

    /// The first line of a CSV file; nothing for NDJSON.
    func header(_ out: inout Output) {
        guard isCSV else { return }
        if hasByteOrderMark { out.append(Self.byteOrderMark) }
        for (i, column) in columns.enumerated() {
            if i > 0 { out.append([style?.delimiter ?? 0x2c]) }
            let name = Array(column.name.utf8)
            unsafe name.withUnsafeBufferPointer { bytes in
                // Lent for the call.
                guard let start = bytes.baseAddress else { return }
                if let style {
                    unsafe out.put(cell: start, bytes.count, style)
                } else {
                    unsafe out.put(csv: start, bytes.count)
                }
            }
        }
        out.append(Self.csvLineEnd)
    }

    /// What fields are made of besides the chunk, lent for a loop over rows: a method of the encoder would be given a copy
    /// of it, with everything in it counted, once a field.
    @safe struct Lent {
        let isCSV: Bool
        let quotesMissing: Bool
        let chunk: Chunk
        /// The identities' fields, and where those of the rows lie in them.
        let identityBytes: UnsafeBufferPointer<UInt8>
        let identityFields: UnsafeBufferPointer<Range<Int>>
        /// The persons of the rows, where they were looked up.
        let rowPersons: UnsafeBufferPointer<Int64>
        /// The persons of identities, by their numbers; empty while everyone is their own.
        let persons: UnsafeBufferPointer<Int64>
    }

    /// Writes some rows of a chunk.
    ///
    /// - Throws: where the identities' file cannot be read.
    mutating func write(_ chunk: Chunk, _ rows: Range<Int>, _ out: inout Output) throws(ExportError) {
        unsafe try write(chunk, rows, &out, ends: nil)
    }

    /// Writes all rows of a chunk, and says of each where in `out` it ends.
    mutating func write(_ chunk: Chunk, _ out: inout Output, ends: inout [Int]) throws(ExportError) {
        let rows = 0..<chunk.rowCount
        while ends.count < rows.count { ends.append(0) }
        // Room for each row was just made.
        let written = unsafe ends.withUnsafeMutableBufferPointer { places -> Result<Void, ExportError> in
            Result { () throws(ExportError) in unsafe try write(chunk, rows, &out, ends: places.baseAddress) }
        }
        try written.get()
    }

    private mutating func write(
        _ chunk: Chunk, _ rows: Range<Int>, _ out: inout Output, ends: UnsafeMutablePointer<Int>?
    ) throws(ExportError) {
        let raw = (0...(sources.max() ?? 0)).map { RawColumn(chunk, $0, bits) }
        if let identityColumn, let identities { try found.look(identities, raw[identityColumn], rows) }
        let steps = kinds.indices.map { Step(kind: kinds[$0], source: sources[$0], column: raw[sources[$0]]) }
        let isKept = identities?.pages == nil
        let bytes = isKept ? identities?.fields ?? [] : found.texts
        let (fields, rowPersons, persons) = (found.fields, found.persons, identities?.persons ?? [])
        // All are lent for the loop, so that nothing is counted or retained in it.
        unsafe steps.withUnsafeBufferPointer { steps in
            unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe fields.withUnsafeBufferPointer { fields in
                    unsafe rowPersons.withUnsafeBufferPointer { rowPersons in
                        unsafe persons.withUnsafeBufferPointer { persons in
                            let lent = unsafe Lent(
                                isCSV: isCSV, quotesMissing: quotesMissing, chunk: chunk, identityBytes: bytes,
                                identityFields: fields, rowPersons: rowPersons, persons: persons)
                            if style == nil {
                                unsafe write(rows, steps, raw, lent, &out, ends)
                            } else {
                                unsafe writeCells(rows, steps, raw, lent, &out, ends)
                            }
                        }
                    }
                }
            }
        }
        // The columns' addresses are good until here.
        withExtendedLifetime((chunk, bits)) {}
    }

    @inline(__always)
    private mutating func write(
        _ rows: Range<Int>, _ steps: UnsafeBufferPointer<Step>, _ raw: [RawColumn], _ lent: Lent, _ out: inout Output,
        _ ends: UnsafeMutablePointer<Int>?
    ) {
        let isCSV = isCSV
        for row in rows {
            if let pickedFrom { pick(raw[pickedFrom], row) }
            for i in 0..<steps.count {
                if isCSV {
                    out.reserve(33)
                    if i > 0 { out.put(0x2c) }
                } else {
                    lead(i, &out)
                }
                let step = unsafe steps[i]
                if case .picked(let property) = step.kind {
                    let range = picker.found[property]
                    if range.isEmpty {
                        Self.missing(lent, &out)
                    } else if let text = unsafe step.column.text(row) {
                        unsafe out.put(token: text.start + range.lowerBound, range.count, isCSV: isCSV)
                    }
                } else {
                    Self.field(step, row, row &- rows.lowerBound, lent, &numbers, &out)
                }
            }
            out.reserve(2)
            out.put(isCSV ? 0x0d : 0x7d)
            out.put(0x0a)
            if let ends = unsafe ends { unsafe ends[row &- rows.lowerBound] = out.count }
        }
    }

    /// Writes what stands before a field of NDJSON, and reserves 32 bytes for the field.
    @inline(__always)
    private func lead(_ index: Int, _ out: inout Output) {
        // Lent for the call.
        unsafe leads[index].withUnsafeBufferPointer { bytes in
            out.reserve(bytes.count &+ 32)
            if let start = bytes.baseAddress { unsafe out.put(start, bytes.count) }
        }
    }

    mutating func pick(_ column: RawColumn, _ row: Int) {
        guard !column.isNull(row), let text = unsafe column.text(row) else { return picker.clear() }
        unsafe picker.read(text.start, text.count)
    }
}
