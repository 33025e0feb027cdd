/// Which part of a table is looked at: windows of numbers that grow as rows are stored, spread evenly over the rows.
struct SampleWindows: Sendable, Equatable {
    /// The numbers above one and up to another.
    struct Window: Sendable, Equatable {
        let after: Int64
        let upTo: Int64
    }

    /// So many rows or fewer are all looked at.
    static let allRows: Int64 = 20_000
    private static let count: Int64 = 16
    private static let rowsEach: Int64 = 256
    /// The most buckets in which rows are counted.
    private static let buckets: Int64 = 1_024

    /// All rows that could be wanted.
    let total: Int64
    /// Nil where everything is looked at.
    let windows: [Window]?

    /// By how many bits numbers are shifted to fall into few buckets.
    static func shift(from low: Int64, to high: Int64) -> Int64 {
        var shift: Int64 = 0
        while (high - low) >> shift > buckets { shift += 1 }
        return shift
    }

    /// - Parameters:
    ///   - counts: how many rows have numbers of a bucket, by bucket.
    ///   - shift: by how many bits a number was shifted to be that of its bucket.
    init(_ counts: [(bucket: Int64, rows: Int64)], shift: Int64) {
        total = counts.reduce(0) { $0 + $1.rows }
        guard total > Self.allRows else {
            windows = nil
            return
        }
        var windows: [Window] = []
        var at = 0
        var before: Int64 = 0
        for i in 0..<Self.count {
            // The row in the middle of each sixteenth.
            let rank = Int64(Double(total) * (Double(i) + 0.5) / Double(Self.count))
            while at + 1 < counts.count, before + counts[at].rows <= rank {
                before += counts[at].rows
                at += 1
            }
            let (bucket, rows) = counts[at]
            let span = Double(Int64(1) << shift)
            let place = Double(max(0, rank - before)) / Double(max(rows, 1))
            let start = max((bucket << shift) - 1 + Int64(place * span), windows.last?.upTo ?? .min)
            let width = max(1, Int64((Double(Self.rowsEach) * span / Double(max(rows, 1))).rounded()))
            windows.append(Window(after: start, upTo: start + width))
        }
        self.windows = windows
    }
}
