internal import DuckDB
internal import Model

/// Every identity's text and the public id of its person, by the identity's number, laid out for the engine: a row costs one
/// look at each.
///
/// Unchecked: nothing changes after `init`; the engine's threads only read.
@safe final class LaidOutIdentities: @unchecked Sendable {
    // Owned; the texts that are too long for their slots, freed in `deinit`.
    private let long: UnsafeMutableRawBufferPointer
    private let rows: [Row]
    /// Where the row of an identity is; nil where it is at its number.
    private let places: [Int64: Int]?

    /// Text and person side by side: whoever asks for both waits for the memory once.
    private struct Row {
        let text: LaidOutText
        let person: LaidOutText
    }

    init(_ table: IdentityTable) {
        let fields = table.fields
        // Copied to where it stays, whatever becomes of the table.
        unsafe long = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, fields.count), alignment: 16)
        unsafe long.copyBytes(from: fields)
        let numbers = table.places.map { Array($0.keys) } ?? Array(0..<Int64(table.count))
        places = table.places == nil ? nil : Dictionary(uniqueKeysWithValues: zip(numbers, numbers.indices))
        var rows: [Row] = []
        rows.reserveCapacity(numbers.count)
        var out = Output(capacity: 32)
        for identity in numbers {
            let range = table.field(identity)
            out.removeAll()
            NumberWriter.put(person: table.person(identity), &out)
            precondition(out.count <= 12, "there are more than 2^50 identities")
            // A long text is in `long`, which lives as long as this object; a person's id fits its slot.
            unsafe rows.append(
                Row(text: LaidOutText(UnsafeRawBufferPointer(rebasing: long[range])), person: LaidOutText(out.bytes)))
        }
        self.rows = rows
    }

    deinit { unsafe long.deallocate() }

    @inline(__always)
    private func row(_ identity: Int64) -> Row? {
        let i = places.map { $0[identity] ?? -1 } ?? Int(identity)
        return i >= 0 && i < rows.count ? rows[i] : nil
    }

    /// The text of an identity; nil where there is none.
    @inline(__always)
    func text(_ identity: Int64) -> LaidOutText? {
        guard let row = row(identity), !row.text.isEmpty else { return nil }
        return row.text
    }

    /// The public id of an identity's person; nil for a number that nobody has.
    @inline(__always)
    func person(_ identity: Int64) -> LaidOutText? { row(identity)?.person }
}
