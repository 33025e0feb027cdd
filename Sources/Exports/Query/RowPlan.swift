internal import EventStore
internal import Model

/// One piece of an export's rows: everything in it comes before everything in the next.
struct RowPlan: Equatable {
    /// Where the rows lie; if they need not be sorted, everything in one comes before everything in the next.
    let sources: [Layout.Source]
    /// Only rows of these months; nil for all that the sources have.
    let months: Range<Month>?
    /// Whether the rows have to be sorted; otherwise they lie in the export's order already.
    let isSorted: Bool

    /// The pieces of an order, by what is known of the sources alone.
    static func make(_ sources: [RowSource], _ order: ExportOrder) -> [RowPlan] {
        switch order {
        case .seq: bySeq(sources)
        case .storage: byMonth(sources)
        case .timestamp: sources.isEmpty ? [] : [RowPlan(sources: sources.map(\.source), months: nil, isSorted: true)]
        }
    }

    /// Hot tables have the order of `seq`; cold files whose ranges overlap are sorted together.
    private static func bySeq(_ sources: [RowSource]) -> [RowPlan] {
        var plan: [RowPlan] = []
        var group: [Layout.Source] = []
        var end = Int64.min
        func close() {
            if !group.isEmpty { plan.append(RowPlan(sources: group, months: nil, isSorted: true)) }
            group = []
        }
        for source in sources.sorted(by: { $0.seqs.lowerBound < $1.seqs.lowerBound }) {
            if source.seqs.lowerBound > end { close() }
            end = max(end, source.seqs.upperBound)
            if source.isCold {
                group.append(source.source)
            } else {
                // What is hot came after everything that is cold.
                close()
                plan.append(RowPlan(sources: [source.source], months: nil, isSorted: false))
            }
        }
        close()
        return plan
    }

    /// Months of which one cold file has all rows lie in order, or several with other identities each; neighbours that do not are
    /// sorted together.
    private static func byMonth(_ sources: [RowSource]) -> [RowPlan] {
        let edges = Set(sources.flatMap { [$0.months.lowerBound, $0.months.upperBound.next] }).sorted()
        var plan: [RowPlan] = []
        for (start, end) in zip(edges, edges.dropFirst()) {
            let here = sources.filter { $0.months.contains(start) }
            if here.isEmpty { continue }
            if start.next == end || here.count == 1, let inOrder = inOrder(here) {
                plan.append(RowPlan(sources: inOrder.map(\.source), months: start..<end, isSorted: false))
                continue
            }
            if let last = plan.last, last.isSorted, let months = last.months, months.upperBound == start {
                let all = last.sources + here.map(\.source).filter { !last.sources.contains($0) }
                plan[plan.count - 1] = RowPlan(sources: all, months: months.lowerBound..<end, isSorted: true)
            } else {
                plan.append(RowPlan(sources: here.map(\.source), months: start..<end, isSorted: true))
            }
        }
        return plan
    }

    /// The sources of a month in the order in which their rows are; nil if these overlap.
    private static func inOrder(_ sources: [RowSource]) -> [RowSource]? {
        guard sources.allSatisfy(\.isCold) else { return nil }
        if sources.count == 1 { return sources }
        let sorted = sources.sorted { $0.identities.lowerBound < $1.identities.lowerBound }
        let isApart = zip(sorted, sorted.dropFirst()).allSatisfy { $0.identities.upperBound < $1.identities.lowerBound }
        return isApart ? sorted : nil
    }
}
