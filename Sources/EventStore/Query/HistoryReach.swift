/// How far an answer about rows looks beyond them, at what may go by its age.
public enum HistoryReach: Int, Comparable, Sendable {
    /// Not at all.
    case none
    /// At what properties of the rows' persons are. The newest values stay; those that held before may go.
    case properties
    /// At what the persons ever did or had.
    case past

    public static func < (left: HistoryReach, right: HistoryReach) -> Bool { left.rawValue < right.rawValue }
}

extension Condition {
    /// How far it looks to select rows of a dataset.
    public func historyReach(in dataset: Dataset) -> HistoryReach {
        switch self {
        case .all(let parts), .any(let parts): parts.map { $0.historyReach(in: dataset) }.max() ?? .none
        case .not(let part): part.historyReach(in: dataset)
        case .segment(let tree): tree.historyReach(in: .people)
        // Of all but people it is the row's own.
        case .event: dataset == .events ? .none : .past
        case .property: dataset == .events || dataset == .propertyChanges ? .none : .past
        case .person: .properties
        case .personThen, .did, .sequence, .computed: .past
        }
    }
}

extension ColumnExpression {
    /// How far it looks for the values of a dataset's rows.
    public func historyReach(in dataset: Dataset) -> HistoryReach {
        switch source {
        case .builtin(.firstSeen), .builtin(.lastSeen), .builtin(.eventsTotal): .past
        case .builtin(.properties), .allProperties, .property: dataset == .people ? .properties : .none
        case .builtin: .none
        case .person: .properties
        case .event, .computed: .past
        }
    }
}
