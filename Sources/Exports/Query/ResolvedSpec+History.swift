public import EventStore
internal import Model

extension ResolvedSpec {
    /// How far it looks beyond its own rows. Of a report it is taken for granted that it looks at everything.
    public var historyReach: HistoryReach {
        // People are selected by time by what they did.
        if dataset == .report || dataset == .people && (from != nil || to != nil) { return .past }
        let columns = columns.map { $0.historyReach(in: dataset) }.max() ?? .none
        return max(columns, condition?.historyReach(in: dataset) ?? .none)
    }

    /// Whether it chooses or makes rows by history that is gone: run now, it can lose rows that are not gone themselves.
    public func isThinned(by history: AgedHistory) -> Bool {
        switch historyReach {
        case .none: false
        case .properties: asOfSeq < history.asOf
        case .past: true
        }
    }

    /// What a manifest says of history that is gone: nil where the export has no need of it.
    func aged(_ history: AgedHistory?) -> JSONValue? {
        guard let history, isMissing(history) else { return nil }
        return ["before": .string(history.before.text), "through": JSONValue(history.through)]
    }

    /// Whether it may have had other rows while a part of the history was there.
    private func isMissing(_ history: AgedHistory) -> Bool {
        switch historyReach {
        case .past: return true
        case .properties where asOfSeq < history.asOf: return true
        case .properties, .none: break
        }
        guard seqFrom < history.through else { return false }
        switch dataset {
        case .events, .propertyChanges: return from.map { $0 < history.before } ?? true
        // Those of whom something was stored in the window.
        case .people: return isIncremental
        case .identities, .aliases, .report: return false
        }
    }
}
