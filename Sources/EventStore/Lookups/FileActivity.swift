internal import DuckDB
internal import Model

/// How many events somebody has, and from when to when.
public struct PersonActivity: Sendable, Equatable {
    public let first: Int64
    public let last: Int64
    public let count: Int64

    func with(_ other: PersonActivity) -> PersonActivity {
        PersonActivity(first: min(first, other.first), last: max(last, other.last), count: count + other.count)
    }
}

/// A set of identities, a bit each.
struct IdentityBits: Sendable {
    private var words: [UInt64] = []

    mutating func insert(_ identity: Int64) {
        guard identity >= 0 else { return }
        let word = Int(identity >> 6)
        if word >= words.count { words += Array(repeating: 0, count: word + 1 - words.count) }
        words[word] |= 1 << UInt64(identity & 63)
    }

    mutating func formUnion(_ other: IdentityBits) {
        if other.words.count > words.count {
            words += Array(repeating: 0, count: other.words.count - words.count)
        }
        for (at, word) in other.words.enumerated() { words[at] |= word }
    }

    func contains(_ identity: Int64) -> Bool {
        let word = Int(identity >> 6)
        return identity >= 0 && word < words.count && words[word] >> UInt64(identity & 63) & 1 == 1
    }
}

/// The activity of each identity in one cold file, which never changes.
final class FileActivity: Sendable {
    /// In ascending order.
    private let identities: [UInt32]
    private let counts: [UInt32]
    private let firsts: [Int64]
    private let lasts: [Int64]
    /// Whose properties the file has changes of.
    let changed: IdentityBits

    var count: Int { identities.count }

    /// Reads a file; nil if it has more than so many identities, or numbers that are too great.
    init?(_ file: ColdFile, _ connection: Connection, atMost most: Int) throws(DuckDBError) {
        guard file.contents.identities.upperBound <= Int64(UInt32.max), file.contents.events <= Int64(UInt32.max) else {
            return nil
        }
        var (identities, counts): ([UInt32], [UInt32]) = ([], [])
        var (firsts, lasts): ([Int64], [Int64]) = ([], [])
        let rows = try connection.query(
            """
            SELECT identity_id, count(*), min(timestamp), max(timestamp) FROM \(file.catalog).events
            GROUP BY identity_id ORDER BY identity_id
            """)
        while let chunk = try rows.nextChunk() {
            for row in 0..<chunk.rowCount {
                identities.append(UInt32(truncatingIfNeeded: chunk.int64(0, row: row)))
                counts.append(UInt32(truncatingIfNeeded: chunk.int64(1, row: row)))
                firsts.append(chunk.int64(2, row: row))
                lasts.append(chunk.int64(3, row: row))
            }
            if identities.count > most {
                rows.close()
                return nil
            }
        }
        var changed = IdentityBits()
        if file.contents.changes > 0 {
            let rows = try connection.query("SELECT DISTINCT identity_id FROM \(file.catalog).property_changes")
            while let chunk = try rows.nextChunk() {
                for row in 0..<chunk.rowCount { changed.insert(chunk.int64(0, row: row)) }
            }
        }
        (self.identities, self.counts, self.firsts, self.lasts) = (identities, counts, firsts, lasts)
        self.changed = changed
    }

    func find(_ identity: Int64) -> PersonActivity? {
        guard let wanted = UInt32(exactly: identity) else { return nil }
        var (low, high) = (0, identities.count)
        while low < high {
            let middle = (low + high) / 2
            if identities[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        guard low < identities.count, identities[low] == wanted else { return nil }
        return PersonActivity(first: firsts[low], last: lasts[low], count: Int64(counts[low]))
    }
}
