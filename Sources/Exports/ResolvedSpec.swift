public import Age
public import Codecs
public import EventStore
public import Model

/// A specification in which nothing depends on when it runs: the same one gives the same bytes. What is encrypted is the
/// same, too; the encrypted files differ, since each has a key of its own.
public struct ResolvedSpec: Sendable, Equatable {
    public let dataset: Dataset
    public let columns: [ColumnExpression]
    /// The columns as written, for the manifest.
    let columnTexts: [String]
    public let condition: Condition?
    let conditionJSON: JSONValue?
    /// Times in [from, to).
    public let from: Timestamp?
    public let to: Timestamp?
    /// The interval (seqFrom, seqTo] of `seq` that it covers.
    ///
    /// In the KISSmetrics layout, `seqFrom` 0 is where the folder's last run ended.
    public internal(set) var seqFrom: Int64
    public let seqTo: Int64
    /// Whether a range of `seq` was asked for.
    public let isIncremental: Bool
    public let order: ExportOrder
    public let isIdentified: Bool
    public let format: ExportFormat
    public let compression: Compression
    public let sheet: SheetForm
    /// The zone in which a CSV's times are written; nil for UTC.
    public let writtenZone: String?
    public let recipients: [AgeRecipient]
    public let partRows: Int?
    /// Everything stored up to this `seq` counts, nothing after it.
    public let asOfSeq: Int64
    public let asOf: Timestamp
    /// Of the dataset `report`: the question, and the cell whose people are exported instead of the answer.
    public internal(set) var report: JSONValue?
    public internal(set) var cell: JSONValue?

    /// The computed columns that it has, by name.
    var computed: [ComputedColumn] {
        var found: [String: ComputedColumn] = [:]
        for case .computed(let column) in columns.map(\.source) { found[column.name] = column }
        return found.values.sorted { $0.name < $1.name }
    }

    /// What the names of its files should end with, such as `.csv.gz.age`.
    public var fileExtension: String { format.fileExtension(compression, isEncrypted: !recipients.isEmpty) }

    /// The specification as a manifest keeps it; `ExportSpec(json:)` reads it, and gives the same export again.
    public var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("dataset", .string(dataset.rawValue))
        ]
        if let report { members.append(.init("report", report)) }
        if let cell { members.append(.init("cell", cell)) }
        if dataset != .report { members.append(.init("columns", .array(columnTexts.map { .string($0) }))) }
        let computed = computed
        if !computed.isEmpty {
            members.append(.init("computed", .object(computed.map { .init($0.name, $0.json) })))
        }
        if let conditionJSON { members.append(.init("where", conditionJSON)) }
        if let from { members.append(.init("from", .string(from.text))) }
        if let to { members.append(.init("to", .string(to.text))) }
        if isIncremental {
            members.append(.init("seq_from", JSONValue(seqFrom)))
            members.append(.init("seq_to", JSONValue(seqTo)))
        }
        if dataset != .report { members.append(.init("order", .string(order.rawValue))) }
        if isIdentified { members.append(.init("identified", true)) }
        members.append(.init("format", .string(format.rawValue)))
        members.append(.init("compression", .string(compression.rawValue)))
        members += sheet.members
        // Every time above names its offset, so that this is the zone that times are written in when it is read again.
        if let writtenZone { members.append(.init("timezone", .string(writtenZone))) }
        if !recipients.isEmpty { members.append(.init("encrypt", .array(recipients.map { .string($0.text) }))) }
        if let partRows { members.append(.init("part_rows", JSONValue(partRows))) }
        members.append(.init("as_of_seq", JSONValue(asOfSeq)))
        members.append(.init("as_of", .string(asOf.text)))
        return .object(members)
    }
}

extension ExportSpec {
    /// Any day, from which no period of the calendar leads out of the years that there are.
    private static let someDay = Timestamp(microseconds: 1_577_836_800_000_000)

    /// Checks everything that can be checked without the store, as `resolve` does: for an answer to the caller before the
    /// export is queued.
    public func check() throws(ExportError) {
        // Neither now nor a zone by name is known here: which of two times comes first is left to `resolve`.
        _ = try resolve(
            durableSeq: asOfSeq ?? max(seqTo ?? 0, seqFrom ?? 0), now: Self.someDay, comparesTimes: false,
            zone: { Timestamp(microseconds: $0) })
    }

    /// Fixes what depends on now.
    ///
    /// - Parameters:
    ///   - durableSeq: the newest `seq`, up to which the answer counts.
    ///   - now: the moment that relative times count from.
    ///   - zone: the moment of a local time (as microseconds) in `timezone`, asked only for names of zones; it throws if
    ///     there is no such zone.
    public func resolve(
        durableSeq: Int64, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> ResolvedSpec {
        try resolve(durableSeq: durableSeq, now: now, comparesTimes: true, zone: zone)
    }

    private func resolve(
        durableSeq: Int64, now: Timestamp, comparesTimes: Bool,
        zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> ResolvedSpec {
        try checkLayout()
        let parsed: [ColumnExpression]
        do { parsed = try ColumnExpression.parse(columns, dataset: dataset, computed: computed) } catch {
            throw ExportError(error)
        }
        if format != .csv, let field = sheet.asked.first {
            throw Self.error("\"\(field)\" is for CSV files only, and the format is \(format.rawValue)")
        }
        if dataset == .report { return try resolvedReport(durableSeq: durableSeq, now: now, zone: zone) }
        if let field = [("report", report), ("cell", cell)].first(where: { $0.1 != nil })?.0 {
            throw Self.error("\"\(field)\" goes with the dataset report only")
        }
        let clock = SpecClock(timezone: timezone)
        // A wrong name is an error even where no time needs it.
        if SpecClock.offset(timezone) == nil { _ = try zone(0) }
        func moment(_ text: String?, _ field: String, now: Timestamp) throws(ExportError) -> Timestamp? {
            guard let text else { return nil }
            return try clock.moment(text, field, now: now, zone: zone)
        }
        let now = try moment(asOf, "as_of", now: now) ?? now
        var zoned = [self.from, self.to, asOf].contains { $0.map(QueryClock.needsZone) ?? false }
        let tree = try tree(clock, now: now, comparesTimes: comparesTimes, zoned: &zoned, zone: zone)
        let from = try moment(from, "from", now: now)
        let to = try moment(to, "to", now: now)
        if from != nil || to != nil, !dataset.hasTime {
            throw Self.error(
                "\(dataset.rawValue) have no time; \"seq_from\" and \"seq_to\" select by what was stored when")
        }
        if comparesTimes, let from, let to, from > to {
            throw Self.error("\"from\" (\(from.text)) is after \"to\" (\(to.text))")
        }
        if let asOfSeq, asOfSeq > durableSeq {
            throw Self.error("\"as_of_seq\" is \(asOfSeq), which is beyond what is stored (\(durableSeq))")
        }
        if let asOfSeq, let seqTo, seqTo > asOfSeq {
            throw Self.error("\"seq_to\" (\(seqTo)) is beyond \"as_of_seq\" (\(asOfSeq))")
        }
        let asOfSeq = asOfSeq ?? durableSeq
        let isIncremental = seqFrom != nil || seqTo != nil || format == .kissmetrics
        let seqTo = seqTo ?? asOfSeq
        try checkReached(seqTo, "seq_to", asOfSeq)
        let seqFrom = seqFrom ?? 0
        guard seqFrom <= seqTo else { throw Self.error("\"seq_from\" (\(seqFrom)) is after \"seq_to\" (\(seqTo))") }
        return ResolvedSpec(
            dataset: dataset, columns: parsed,
            columnTexts: columns.isEmpty ? defaultColumns : columns, condition: tree,
            conditionJSON: condition.map { tree?.fixed($0) ?? $0 }, from: from, to: to, seqFrom: seqFrom, seqTo: seqTo,
            isIncremental: isIncremental, order: try resolvedOrder(isIncremental), isIdentified: isIdentified,
            format: format, compression: compression, sheet: sheet.normal, writtenZone: writtenZone(zoned),
            recipients: recipients, partRows: partRows, asOfSeq: asOfSeq, asOf: now)
    }

    /// The zone is for the times that name none. Times are written in it where there are no such times, or where the file is
    /// for a spreadsheet.
    private func writtenZone(_ isReadWith: Bool) -> String? {
        guard format == .csv, SpecClock.offset(timezone) != 0 else { return nil }
        return isReadWith && sheet.asked.isEmpty ? nil : timezone
    }

    /// The condition, with moments in place of the times that it writes.
    ///
    /// - Parameter zoned: becomes true if one of them is a time only in a zone.
    private func tree(
        _ clock: SpecClock, now: Timestamp, comparesTimes: Bool, zoned: inout Bool,
        zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> Condition? {
        guard let condition else { return nil }
        var failure: ExportError?
        do {
            let tree = try Condition(condition) { (text, path) throws(QueryError) in
                if QueryClock.needsZone(text) { zoned = true }
                let moment: Timestamp?
                do throws(ExportError) { moment = try clock.read(text, now: now, zone: zone) } catch {
                    failure = error
                    throw QueryError(.invalidCondition, at: path, error.message)
                }
                guard let moment else {
                    throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isNoTime)")
                }
                guard moment.isInRange else {
                    throw QueryError(.invalidCondition, at: path, "\"\(text)\" \(QueryClock.isOutside)")
                }
                // Where two times cannot be compared yet, each is as good as the other.
                return comparesTimes ? moment : now
            }
            try ExportQuery.check(tree, dataset: dataset)
            return tree
        } catch {
            throw failure ?? ExportError(error)
        }
    }

    /// The columns of an export that names none; the KISSmetrics layout has no columns.
    private var defaultColumns: [String] { format == .kissmetrics ? [] : dataset.defaultColumns.map(\.rawValue) }

    private func checkReached(_ seq: Int64, _ field: String, _ limit: Int64) throws(ExportError) {
        guard seq <= limit else {
            throw ExportError(
                .notYet, "\"\(field)\" (\(seq)) is beyond what is stored (\(limit)); ask again later", isTransient: true
            )
        }
    }

    /// Events lie in storage order unless something else is asked; a range of `seq` is always in its order. People and
    /// identities have one order only, that of their numbers.
    private func resolvedOrder(_ isIncremental: Bool) throws(ExportError) -> ExportOrder {
        switch dataset {
        case .people, .identities, .report:
            guard order == nil || order == .storage || isIncremental && order == .seq else {
                throw Self.error("\(dataset.rawValue) have one order only, \"storage\"")
            }
            return .storage
        case .events, .propertyChanges, .aliases:
            if isIncremental {
                guard order == nil || order == .seq else {
                    throw Self.error("a range of seq is always in the order \"seq\"")
                }
                return .seq
            }
            return order ?? (dataset == .events ? .storage : .seq)
        }
    }
}
