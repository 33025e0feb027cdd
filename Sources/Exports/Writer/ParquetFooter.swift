/// The end of a Parquet file as fields of Thrift's compact protocol, so that the row groups of several files with the same
/// columns can become those of one: their bytes stay as they are, and only where they lie is written anew.
struct ParquetFooter {
    /// Fields of FileMetaData.
    private enum Field {
        static let rows = 3
        static let rowGroups = 4
    }

    /// What has to be changed in a structure: numbers of fields that are places in the file, and structures inside.
    private final class Shape: Sendable {
        let places: Set<Int>
        let ordinal: Int?
        let structures: [Int: Shape]
        let lists: [Int: Shape]

        init(places: Set<Int>, ordinal: Int? = nil, structures: [Int: Shape] = [:], lists: [Int: Shape] = [:]) {
            (self.places, self.ordinal, self.structures, self.lists) = (places, ordinal, structures, lists)
        }

        /// Pages of data, of an index and of a dictionary, and the filter.
        static let columnMetaData = Shape(places: [9, 10, 11, 14])
        /// Its own place, and those of its indexes.
        static let columnChunk = Shape(places: [2, 4, 6], structures: [3: columnMetaData])
        static let rowGroup = Shape(places: [5], ordinal: 7, lists: [1: columnChunk])
    }

    /// Fields other than the two that change, by their numbers.
    private var others: [(number: Int, kind: ThriftReader.Kind, bytes: [UInt8])] = []
    private(set) var rows: Int64 = 0
    private(set) var rowGroups = 0
    private var groups: [UInt8] = []

    /// Adds the row groups of another file; the first one gives what is common to all.
    ///
    /// - Parameters:
    ///   - footer: the other file's, without its length.
    ///   - shift: how much later its bytes lie in the file of all.
    ///   - path: for errors.
    mutating func add(_ footer: ArraySlice<UInt8>, shift: Int64, _ path: String) throws(ExportError) {
        guard append(footer, shift: shift) else {
            throw ExportError(.files, "\(path): the footer of what the engine wrote cannot be read")
        }
    }

    private mutating func append(_ footer: ArraySlice<UInt8>, shift: Int64) -> Bool {
        var reader = ThriftReader(footer)
        let isFirst = others.isEmpty
        let before = rowGroups
        var number = 0
        while let kind = reader.field(after: &number) {
            let start = reader.at
            switch number {
            case Field.rows:
                guard let more = reader.zigzag() else { return false }
                rows += more
            case Field.rowGroups:
                guard kind == .list, let count = reader.structures() else { return false }
                for i in 0..<count {
                    guard copy(.rowGroup, &reader, shift: shift, ordinal: before + i) else { return false }
                }
                rowGroups += count
            default:
                guard reader.skip(kind) else { return false }
                if isFirst { others.append((number, kind, Array(reader.passed(since: start)))) }
            }
        }
        // At the end of the structure, and of the footer.
        return reader.isOver
    }

    /// Copies a structure, with places that are later.
    private mutating func copy(
        _ shape: Shape, _ reader: inout ThriftReader, shift: Int64, ordinal: Int
    ) -> Bool {
        var number = 0
        while true {
            let head = reader.at
            guard let kind = reader.field(after: &number) else {
                guard reader.passed(since: head).elementsEqual([0]) else { return false }
                groups.append(0)
                return true
            }
            groups += reader.passed(since: head)
            let start = reader.at
            if shape.places.contains(number) || number == shape.ordinal {
                guard kind == .int64 || kind == .int16, let value = reader.zigzag() else { return false }
                // No place is written as zero.
                let moved = number == shape.ordinal ? Int64(ordinal) : value > 0 ? value + shift : value
                ThriftWriter.put(moved, &groups)
            } else if let inner = shape.structures[number], kind == .structure {
                guard copy(inner, &reader, shift: shift, ordinal: 0) else { return false }
            } else if let inner = shape.lists[number], kind == .list {
                guard let count = reader.structures() else { return false }
                groups += reader.passed(since: start)
                for _ in 0..<count {
                    guard copy(inner, &reader, shift: shift, ordinal: 0) else { return false }
                }
            } else {
                guard reader.skip(kind) else { return false }
                groups += reader.passed(since: start)
            }
        }
    }

    /// The footer of the file of all, without its length.
    var bytes: [UInt8] {
        var out: [UInt8] = []
        var last = 0
        func field(_ number: Int, _ kind: ThriftReader.Kind) {
            // Fields of FileMetaData are fewer than sixteen, so that the step fits the half of a byte.
            out.append(UInt8(number - last) << 4 | kind.rawValue)
            last = number
        }
        for other in others where other.number < Field.rows {
            field(other.number, other.kind)
            out += other.bytes
        }
        field(Field.rows, .int64)
        ThriftWriter.put(rows, &out)
        field(Field.rowGroups, .list)
        ThriftWriter.put(listOfStructures: rowGroups, &out)
        out += groups
        for other in others where other.number > Field.rowGroups {
            field(other.number, other.kind)
            out += other.bytes
        }
        out.append(0)
        return out
    }
}

/// Writes values of Thrift's compact protocol.
enum ThriftWriter {
    static func put(_ value: Int64, _ out: inout [UInt8]) {
        put(varint: UInt64(bitPattern: value << 1 ^ value >> 63), &out)
    }

    static func put(listOfStructures count: Int, _ out: inout [UInt8]) {
        let kind = ThriftReader.Kind.structure.rawValue
        if count < 15 {
            out.append(UInt8(count) << 4 | kind)
        } else {
            out.append(0xf0 | kind)
            put(varint: UInt64(count), &out)
        }
    }

    private static func put(varint value: UInt64, _ out: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
    }
}
