internal import EventStore
internal import Model
internal import Reports

extension ExportSpec {
    /// Fixes what a report's export hangs on: its question answers as of one `seq` and one moment.
    func resolvedReport(
        durableSeq: Int64, now: Timestamp, zone: (_ local: Int64) throws(ExportError) -> Timestamp
    ) throws(ExportError) -> ResolvedSpec {
        guard case .object(let members)? = report else {
            throw Self.error("\"report\" is missing: the question, or with \"report_id\" a saved one")
        }
        let given: [(String, Bool)] = [
            ("columns", !columns.isEmpty), ("where", condition != nil), ("from", from != nil), ("to", to != nil),
            ("timezone", timezone != "UTC"), ("seq_from", seqFrom != nil), ("seq_to", seqTo != nil),
            ("order", order != nil), ("identified", isIdentified),
        ]
        if let field = given.first(where: \.1)?.0 {
            throw Self.error("\"\(field)\" does not go with a report; what it asks stands inside of \"report\"")
        }
        guard format != .parquet || partRows == nil else {
            throw Self.error("\"part_rows\" does not go with a report as parquet, which is one file")
        }
        guard format != .kissmetrics else { throw Self.error("a report is written as csv, ndjson or parquet") }
        var moment = now
        if let asOf { moment = try SpecClock(timezone: timezone).moment(asOf, "as_of", now: now, zone: zone) }
        let seq = asOfSeq ?? report?["as_of_seq"]?.intValue ?? durableSeq
        guard seq <= durableSeq else {
            throw Self.error("\"as_of_seq\" is \(seq), which is beyond what is stored (\(durableSeq))")
        }
        let fixed = JSONValue.object(
            members.filter { $0.key != "as_of_seq" } + [.init("as_of_seq", JSONValue(seq))])
        do {
            let report = try ReportRunner.check(fixed, now: moment)
            if let cell { try report.check(cell: cell) }
        } catch { throw ExportError(error) }
        var spec = ResolvedSpec(
            dataset: .report, columns: [], columnTexts: [], condition: nil, conditionJSON: nil, from: nil, to: nil,
            seqFrom: 0, seqTo: seq, isIncremental: false, order: .storage, isIdentified: false, format: format,
            compression: compression, sheet: sheet.normal, writtenZone: nil, recipients: recipients, partRows: partRows,
            asOfSeq: seq, asOf: moment)
        spec.report = fixed
        spec.cell = cell
        return spec
    }
}
