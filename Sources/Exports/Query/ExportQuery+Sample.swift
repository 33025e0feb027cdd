internal import EventStore

/// The export asked of a sample of its rows: for an estimate.
extension ExportQuery {
    /// The temporary table of sampled rows.
    static let sampleTable = "export_sample"

    /// The table of a dataset that has one of its own, and its name in statements.
    private var stored: (table: SQLFragment, alias: SQLFragment) {
        switch spec.dataset {
        case .events: ("events", "e")
        case .propertyChanges: ("property_changes", "c")
        case .aliases: ("aliases", "a")
        case .people, .identities, .report: ("export_people", "m")
        }
    }

    /// The relation whose rows are those of the export, for datasets that have a table of their own.
    var rowsTable: SQLFragment {
        let table = isSample ? SQLFragment(stringLiteral: Self.sampleTable) : stored.table
        return "\(table) \(stored.alias)"
    }

    /// The number of a row of such a table, which grows as rows are stored.
    var rowNumber: SQLFragment { "\(stored.alias).seq" }

    /// The rows of a window, or all, that are in the export's ranges, with all that is stored of them.
    func sampleRows(_ window: SampleWindows.Window?) -> SQLFragment {
        var tests = ranges
        if let window { tests += ["\(rowNumber) > \(window.after)", "\(rowNumber) <= \(window.upTo)"] }
        return "SELECT \(stored.alias).* FROM \(stored.table) \(stored.alias) WHERE \(tests.joined(" AND "))"
    }

    /// How many rows the sample has that are in the export's ranges.
    var sampledCount: SQLFragment {
        switch spec.dataset {
        case .events, .propertyChanges, .aliases: return "SELECT count(*) FROM \(rowsTable)"
        case .people: return "SELECT count(*) FROM export_people m WHERE m.identity_id = m.person_id"
        case .identities, .report:
            let tests = ranges.isEmpty ? .empty : " WHERE " + ranges.joined(" AND ")
            return "SELECT count(*) FROM export_people m\(tests)"
        }
    }

    /// Whether rows are tried by more than ranges of `seq` and time that the table has itself.
    var hasSelection: Bool {
        spec.condition != nil || spec.isIdentified
            || spec.dataset == .people && (spec.isIncremental || spec.from != nil || spec.to != nil)
    }
}
