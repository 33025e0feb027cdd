internal import DuckDB
internal import Model

/// Makes cold files of sorted runs, on the compactor's thread.
struct ColdMerge {
    let connection: Connection
    let folder: ColdFolder
    /// The number of the first file that is made; those after it follow.
    let firstID: Int64
    /// Rows from which a month has a file of its own.
    let monthRows: Int64
    /// Months that have one already.
    let months: Set<Month>
    /// Rows from which a month has several files (`ColdRun`).
    let partRows: Int64
    /// Whether the step is to end, since something waits that may not.
    let makesWay: @Sendable () -> Bool

    /// The most rows that are sorted at once.
    static let sortedRows: Int64 = 500_000

    /// One file of tier 0 for each half a million rows of a generation, about.
    func flush(generation: Int64) throws -> [ColdFile] {
        let source = Layout.Source.generation(generation)
        let cuts = try self.cuts(source)
        return try removingOnError { made in
            for (after, upTo) in zip(cuts, cuts.dropFirst()) {
                let merges = try RowTable.allCases.map { table in
                    let part = cuts.count > 2 ? " WHERE seq > \(after) AND seq <= \(upTo)" : ""
                    let statement = "SELECT * FROM \(source.name(table))\(part) ORDER BY \(table.storageOrder)"
                    return try SortedMerge([SortedRun(connection.sibling(), [statement], table, makesWay)])
                }
                let id = firstID + Int64(made.count)
                if let file = try write(merges, id: id, rows: Self.sortedRows, finish: { try $0.finish(tier: 0) }) {
                    made.append(file)
                }
            }
        }
    }

    /// Numbers between which about half a million rows lie. What one item set has one `seq` and stays together.
    private func cuts(_ source: Layout.Source) throws -> [Int64] {
        var cuts: [Int64] = [.min]
        var larger = (table: RowTable.events, rows: Int64(0))
        var all: Int64 = 0
        for table in RowTable.allCases {
            let rows = try connection.row("SELECT count(*) FROM \(source.name(table))")?[0].int ?? 0
            all += rows
            if rows > larger.rows { larger = (table, rows) }
        }
        let slices = (all + Self.sortedRows - 1) / Self.sortedRows
        for slice in 1..<max(slices, 1) {
            let row = larger.rows * slice / slices
            let seq = try connection.row("SELECT seq FROM \(source.name(larger.table)) WHERE rowid = \(row)")?[0].int
            if let seq, seq > cuts[cuts.count - 1] { cuts.append(seq) }
        }
        return cuts + [.max]
    }

    /// Runs a step; where it fails, the files that it has finished go again.
    private func removingOnError(_ body: (inout [ColdFile]) throws -> Void) throws -> [ColdFile] {
        var made: [ColdFile] = []
        do { try body(&made) } catch {
            for file in made { try? folder.remove(folder.path(of: file)) }
            throw error
        }
        return made
    }

    /// Files of one month each with all rows of the runs, and one for all months that have few rows and no file yet.
    func merge(_ runs: [ColdRun]) throws -> [ColdFile] {
        let inputs = runs.flatMap(\.files)
        let own = try ownMonths(inputs)
        let merges = try RowTable.allCases.map { table in
            try SortedMerge(
                try runs.map { run in
                    let statements = run.files.map { "SELECT * FROM \(Layout.Source.file($0).name(table))" }
                    return SortedRun(try connection.sibling(), statements, table, makesWay)
                })
        }
        let expected = inputs.reduce(0) { $0 + $1.contents.rows }
        return try removingOnError { made in
            try merge(merges, own, &made)
            guard made.reduce(0, { $0 + $1.contents.rows }) == expected else {
                throw StoreError(
                    .damaged, "The merged files do not have the \(expected) rows of those that were merged.")
            }
        }
    }

    /// The same file without some of its rows; none if none are left.
    func rewrite(_ file: ColdFile, without goes: (RowTable) -> String?) throws -> [ColdFile] {
        let writer = try ColdWriter(connection, folder, id: firstID, rows: file.contents.rows)
        do {
            for table in RowTable.allCases {
                try writer.write(table, from: Layout.Source.file(file).name(table), without: goes(table))
            }
            return try writer.finish(tier: file.tier, run: file.run).map { [$0] } ?? []
        } catch {
            writer.abandon()
            throw error
        }
    }

    private func merge(_ merges: [SortedMerge], _ own: [Month: Int64], _ made: inout [ColdFile]) throws {
        let shared = try ColdWriter(try connection.sibling(), folder, id: firstID, rows: 0)
        do {
            while let month = merges.compactMap({ $0.key?.month }).min() {
                if let rows = own[month] {
                    try writeMonth(month, rows: rows, merges, &made)
                } else {
                    try shared.write(merges) { own[$0.month] == nil }
                }
            }
            if let file = try shared.finish(tier: { CompactionPlan.tier(rows: $0.rows) }) { made.append(file) }
        } catch {
            shared.abandon()
            throw error
        }
    }

    /// The files of one month.
    private func writeMonth(_ month: Month, rows: Int64, _ merges: [SortedMerge], _ made: inout [ColdFile]) throws {
        let part = ColdRun.rowsOfPart(of: rows, least: partRows)
        let tier = CompactionPlan.tier(rows: rows)
        // The shared file has the first number.
        let run = firstID + 1 + Int64(made.count)
        while merges.contains(where: { $0.key?.month == month }) {
            let id = firstID + 1 + Int64(made.count)
            let file = try write(
                merges, id: id, rows: part, upTo: part, while: { $0.month == month },
                finish: { try $0.finish(tier: tier, run: run) })
            if let file { made.append(file) }
        }
    }

    /// The months of the inputs that get files of their own, with the number of their rows.
    private func ownMonths(_ inputs: [ColdFile]) throws -> [Month: Int64] {
        let only = Set(inputs.map(\.contents.months))
        if only.count == 1, let months = only.first, months.count == 1 {
            return [months.lowerBound: inputs.reduce(0) { $0 + $1.contents.rows }]
        }
        var rows: [Month: Int64] = [:]
        for file in inputs {
            for table in RowTable.allCases {
                let counts = try connection.rows(
                    "SELECT \(DuckDBDialect.monthNumberText("timestamp")) AS month, count(*) "
                        + "FROM \(Layout.Source.file(file).name(table)) GROUP BY month")
                for row in counts { rows[Month(rawValue: row[0].int ?? 0), default: 0] += row[1].int ?? 0 }
            }
        }
        return rows.filter { $0.value >= monthRows || months.contains($0.key) }
    }

    private func write(
        _ merges: [SortedMerge], id: Int64, rows: Int64, upTo most: Int64 = .max,
        while belongs: (SortKey) -> Bool = { _ in true }, finish: (ColdWriter) throws -> ColdFile?
    ) throws -> ColdFile? {
        let writer = try ColdWriter(try connection.sibling(), folder, id: id, rows: rows)
        do {
            try writer.write(merges, upTo: most, while: belongs)
            return try finish(writer)
        } catch {
            writer.abandon()
            throw error
        }
    }
}

extension RowTable {
    /// The order of rows in cold files.
    var storageOrder: String {
        "\(DuckDBDialect.monthNumberText("timestamp")), identity_id, timestamp, seq"
            + (self == .propertyChanges ? ", name" : "")
    }
}
