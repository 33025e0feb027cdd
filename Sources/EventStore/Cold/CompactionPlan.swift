internal import Model

/// What the compactor does next; a pure choice from the catalogue.
///
/// Files with rows of several months gather until there are `mostMixed` of them and are then merged into files of one month
/// each; months of which there are few rows share one file and take part again. A month's files are merged when several are
/// of about one size, so that each row is written once a tier, and a month never has more than `mostOfMonth` runs of files.
struct CompactionPlan: Equatable {
    /// What to merge.
    let runs: [ColdRun]

    /// Their files.
    var inputs: [ColdFile] { runs.flatMap(\.files) }

    /// Files with rows of several months that may be there.
    static let mostMixed = 8
    /// Runs of one month that may be there.
    static let mostOfMonth = 8
    /// How many runs of one tier are merged into one of the next.
    static let fanIn = 4

    /// The tier of a month's run: 1 below a million rows, and one more for each factor of four.
    static func tier(rows: Int64) -> Int64 {
        var tier: Int64 = 1
        var most: Int64 = 1 << 20
        while rows >= most, tier < 16 {
            tier += 1
            most *= 4
        }
        return tier
    }

    /// How much is merged.
    enum Effort: Sendable {
        /// What must be, so that files stay few while rows come in.
        case usual
        /// What is worth it while nothing else is to be done: a month's smaller runs, when together they are an eighth of its
        /// largest.
        case idle
        /// Everything: until each month has one run.
        case full
    }

    /// Whether so many files wait to be merged that no more are made before: with small hot tables and much traffic they would
    /// become ever more.
    static func isCrowded(_ files: [ColdFile]) -> Bool {
        let months = Dictionary(grouping: files, by: \.month).mapValues(ColdRun.runs)
        return months.contains { month, runs in runs.count >= 2 * (month == nil ? mostMixed : mostOfMonth) }
    }

    /// The next merge; nil if nothing is to be done.
    static func next(_ files: [ColdFile], _ effort: Effort) -> CompactionPlan? {
        let mixed = files.filter { $0.month == nil }
        let isWanted = effort != .usual && (mixed.count > 1 || mixed.contains { $0.tier == 0 })
        if mixed.count >= mostMixed || isWanted {
            return CompactionPlan(runs: Array(ColdRun.runs(mixed).prefix(mostMixed)))
        }
        let months = Dictionary(grouping: files.filter { $0.month != nil }, by: \.month)
        for (_, files) in months.sorted(by: { ($0.key?.rawValue ?? 0) < ($1.key?.rawValue ?? 0) }) {
            if let runs = ofMonth(ColdRun.runs(files), effort) { return CompactionPlan(runs: runs) }
        }
        return nil
    }

    private static func ofMonth(_ runs: [ColdRun], _ effort: Effort) -> [ColdRun]? {
        guard runs.count > 1 else { return nil }
        let bySize = runs.sorted { ($0.rows, $0.id) < ($1.rows, $1.id) }
        if effort == .full { return Array(bySize.prefix(mostOfMonth)) }
        if effort == .idle, let largest = bySize.last {
            let others = bySize.dropLast()
            let isMuch = others.reduce(0) { $0 + $1.rows } >= largest.rows / 8
            if isMuch || others.count > 1 { return Array((isMuch ? bySize : Array(others)).prefix(mostOfMonth)) }
        }
        for tier in Set(bySize.map(\.tier)).sorted() where bySize.filter({ $0.tier == tier }).count >= fanIn {
            // The smaller ones ride along: they are read anyway sooner or later.
            return Array(bySize.filter { $0.tier <= tier }.prefix(mostOfMonth))
        }
        return runs.count > mostOfMonth ? Array(bySize.prefix(fanIn)) : nil
    }
}
