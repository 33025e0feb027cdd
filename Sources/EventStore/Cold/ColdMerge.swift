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
                    return try SortedMerge([SortedRun(connection.sibling(), statement, table, makesWay)])
                }
                let id = firstID + Int64(made.count)
                if let file = try write(
                    merges, id: id, rows: Self.sortedRows, tier: { _ in 0 }, while: { _ in true })
                {
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

    /// One file a month with all rows of the inputs, and one for all months that have few rows and no file yet.
    func merge(_ inputs: [ColdFile]) throws -> [ColdFile] {
        let own = try ownMonths(inputs)
        let merges = try RowTable.allCases.map { table in
            try SortedMerge(
                try inputs.map { file in
                    let statement = "SELECT * FROM \(Layout.Source.file(file).name(table))"
                    return SortedRun(try connection.sibling(), statement, table, makesWay)
                })
        }
        let tier = { (contents: ColdContents) in CompactionPlan.tier(rows: contents.rows) }
        let expected = inputs.reduce(0) { $0 + $1.contents.rows }
        return try removingOnError { made in
            try merge(merges, own, tier, &made)
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
            return try writer.finish(tier: { _ in file.tier }).map { [$0] } ?? []
        } catch {
            writer.abandon()
            throw error
        }
    }

    private func merge(
        _ merges: [SortedMerge], _ own: [Month: Int64], _ tier: (ColdContents) -> Int64, _ made: inout [ColdFile]
    ) throws {
        let shared = try ColdWriter(try connection.sibling(), folder, id: firstID, rows: 0)
        do {
            while let month = merges.compactMap({ $0.key?.month }).min() {
                guard own[month] != nil else {
                    try fill(shared, merges) { own[$0.month] == nil }
                    continue
                }
                let id = firstID + 1 + Int64(made.count)
                if let file = try write(
                    merges, id: id, rows: own[month] ?? 0, tier: tier, while: { $0.month == month })
                {
                    made.append(file)
                }
            }
            if let file = try shared.finish(tier: tier) { made.append(file) }
        } catch {
            shared.abandon()
            throw error
        }
    }

    /// The months of the inputs that get a file of their own, with the number of their rows.
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

    private func fill(_ writer: ColdWriter, _ merges: [SortedMerge], while belongs: (SortKey) -> Bool) throws {
        for (table, merge) in zip(RowTable.allCases, merges) { try writer.write(table, from: merge, while: belongs) }
    }

    private func write(
        _ merges: [SortedMerge], id: Int64, rows: Int64, tier: (ColdContents) -> Int64, while belongs: (SortKey) -> Bool
    ) throws -> ColdFile? {
        let writer = try ColdWriter(try connection.sibling(), folder, id: id, rows: rows)
        do {
            try fill(writer, merges, while: belongs)
            return try writer.finish(tier: tier)
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
