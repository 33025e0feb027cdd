internal import Control
internal import EventStore
internal import Model
internal import Reports
internal import Triggers

extension TriggerRoutes {
    /// Reads `when`, and looks whether there is what it is to watch.
    @discardableResult
    static func check(_ when: JSONValue, _ exchange: Exchange) async throws -> TriggerWhen {
        let read = try TriggerWhen.read(when).0
        guard case .watched(let watch) = read else { return read }
        switch watch {
        case .segment(let id, _):
            guard exchange.proposed.segments[id] == nil else { break }
            guard try await exchange.app.control.segment(id, project: try exchange.project().name) != nil else {
                throw TriggerError(at: "when.segment", "there is no segment \(id.prefix(64))")
            }
        case .column(let name, _):
            let columns = try exchange.project().columns
            guard columns.entry(name) != nil else {
                let known = columns.entries.map(\.name).joined(separator: ", ")
                throw TriggerError(
                    at: "when.column", "there is no computed column \"\(name.prefix(64))\"; there are \(known)")
            }
        case .report(let report):
            for field in ["as_of", "as_of_seq"] where report.report[field] != nil {
                throw TriggerError(at: "when.report.\(field)", "has no place here: it is asked as of each moment")
            }
            let json = try await exchange.namedReport(report.report)
            let frame = try ReportRunner.check(json, now: exchange.receivedAt).frame
            if report.threshold.side == .dropPercent, report.against == nil, frame.from == nil {
                throw TriggerError(
                    at: "when.report.from", "is missing: what drops is compared with the range before, such as -1d")
            }
        }
        return read
    }
}
