public import EventStore
internal import Reports

extension ResolvedSpec {
    /// Every column that the export gives out, or tells something of by what it selects and sorts by.
    public var needs: Set<ColumnNeed> {
        if let report {
            // What was resolved could be read.
            let read = try? ReportRunner.check(report, now: asOf)
            // The moment is always in it by then; whoever names one is asked for the column where they do.
            return (read?.needs ?? []).subtracting([.builtin(.seq)]).union(
                cell == nil ? [] : [.builtin(.personID), .builtin(.identities)])
        }
        var needs = Set(columns.map { $0.need(in: dataset) })
        if let condition { needs.formUnion(condition.needs(in: dataset)) }
        if from != nil || to != nil || order == .timestamp { needs.insert(.builtin(.timestamp)) }
        // Changes and aliases are in this order where none is asked for.
        if isIncremental || (order == .seq && dataset == .events) { needs.insert(.builtin(.seq)) }
        if isIdentified { needs.insert(.builtin(.named)) }
        if format == .kissmetrics {
            // The layout has all that there is.
            needs.formUnion(Dataset.events.columns.map { ColumnExpression($0).need(in: .events) })
            needs.formUnion([.personProperties, .builtin(.other), .builtin(.identities)])
        }
        return needs
    }
}
