import Model

/// Gives rows without an id one that the same row gets again: a hash of what the row says and of which of its like in
/// the file it is. So a second import of the same or of an overlapping file adds nothing, and rows that are truly twice
/// in one file stay two.
///
/// Counting needs memory for each different row: 16 to 32 bytes (a million rows about 25 MB). The count is kept under
/// 64 bits of the hash; should two different rows share them (one chance in 370,000 for ten million rows), both
/// still get ids of their own.
struct RowIdentity {
    private var seen: [UInt64: UInt32] = [:]
    private var scratch: [UInt8] = []

    /// Sets the item's id and the hash that duplicates are found by. `countsTime` is false where the time is only that
    /// of the import.
    mutating func identify(_ item: inout Item, countsTime: Bool) {
        scratch.removeAll(keepingCapacity: true)
        scratch.append(item.kind.rawValue)
        for text in [item.identity, item.name, item.other, item.properties] {
            scratch.appendLittleEndian(UInt32(text.count))
            scratch.append(contentsOf: text)
        }
        if countsTime { scratch.appendLittleEndian(item.timestamp.microseconds) }
        var hash = Hash128(scratch.span, seed: 0x726f77)
        let before = seen[hash.low, default: 0]
        seen[hash.low] = before + 1
        if before > 0 {
            scratch.appendLittleEndian(before)
            hash = Hash128(scratch.span, seed: 0x726f77 + 1)
        }
        item.id = hash.importedID
        item.dedupID = Hash128(item.id.span)
    }
}

extension Hash128 {
    /// The id of an event that is known by this hash alone.
    var importedID: [UInt8] {
        var id = Array("imp_".utf8)
        for word in [high, low] {
            for shift in stride(from: 60, through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift) & 15)
                id.append(digit < 10 ? digit + 0x30 : digit + 0x57)
            }
        }
        return id
    }
}
