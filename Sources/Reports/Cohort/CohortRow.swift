internal import DuckDB

/// One row of the answer.
struct CohortRow {
    let number: Int64
    var token: String?
    var people: Int64 = 0
    var events: Int64 = 0
    var values: [Int64]

    init(number: Int64, _ spec: CohortSpec) {
        self.number = number
        values = Array(repeating: 0, count: spec.periods)
    }

    /// Reads a row of `CohortQuery.statement`.
    init(_ row: [DuckValue], _ spec: CohortSpec) {
        number = row[0].int ?? 0
        token = row[1].text
        people = row[2].int ?? 0
        events = row[3].int ?? 0
        values = (0..<spec.periods).map { row[4 + $0].int ?? 0 }
    }

    /// One person more, with a bit for each period in which they returned.
    mutating func add(_ mark: UInt64, hits: Int64) {
        people += 1
        events += hits
        var rest = mark
        while rest != 0 {
            values[rest.trailingZeroBitCount] += 1
            rest &= rest - 1
        }
    }
}
