internal import Connectors
public import Control
public import Model

/// What is wrong with pipelines at one moment, and what becomes of it by what is found: a value without a clock or a store.
///
/// One alert when something begins, one when it gets worse, one when it is over; what goes on is counted and nobody is told again.
public struct IncidentBook: Sendable {
    fileprivate struct Key: Hashable {
        let project: String
        let pipeline: String
        let kind: String
    }

    private var open: [Key: IncidentRecord] = [:]
    /// What is to be written.
    public private(set) var work = WatchWork()

    public init(_ incidents: [IncidentRecord]) {
        for incident in incidents { open[Key(incident)] = incident }
    }

    public var incidents: [IncidentRecord] { open.values.sorted { $0.openedAt < $1.openedAt } }

    public func incident(_ kind: Finding.Kind, project: String, pipeline: String) -> IncidentRecord? {
        open[Key(project: project, pipeline: pipeline, kind: kind.rawValue)]
    }

    /// Takes in that something is wrong.
    ///
    /// - Parameters:
    ///   - more: further members of the alert's data.
    ///   - targets: whom it goes to.
    public mutating func found(
        _ finding: Finding, project: String, pipeline: String, at now: Timestamp, more: [JSONValue.Member] = [],
        targets: JSONValue
    ) {
        let key = Key(project: project, pipeline: pipeline, kind: finding.kind.rawValue)
        if var incident = open[key] {
            let isWorse = finding.severity == .error && incident.severity == .warning
            // Of what goes on by itself each look finds the same.
            guard isWorse || finding.run != nil || incident.what != finding.what else { return }
            if finding.run == nil || finding.run != incident.run { incident.times += 1 }
            if isWorse { incident.severity = .error }
            (incident.what, incident.reason, incident.changedAt) = (finding.what, finding.reason, now)
            incident.run = finding.run ?? incident.run
            put(incident, key)
            if isWorse { alert(incident, "pipeline.\(finding.what)", "worse", now, more, targets) }
            return
        }
        let cause = finding.run ?? "\(now.microseconds)"
        let digest = WebhookSigning.messageID(["incident", project, pipeline, finding.kind.rawValue, cause])
        let incident = IncidentRecord(
            id: "inc_" + digest.dropFirst(4).prefix(20), project: project, pipeline: pipeline,
            kind: finding.kind.rawValue, severity: finding.severity, what: finding.what, reason: finding.reason,
            run: finding.run, openedAt: now, changedAt: now)
        put(incident, key)
        alert(incident, Self.type(finding), "begin", now, more, targets)
    }

    /// Takes in that nothing is wrong any more.
    public mutating func recovered(
        _ kind: Finding.Kind, project: String, pipeline: String, at now: Timestamp, run: String? = nil,
        more: [JSONValue.Member] = [], targets: JSONValue
    ) {
        let key = Key(project: project, pipeline: pipeline, kind: kind.rawValue)
        guard var incident = open.removeValue(forKey: key) else { return }
        (incident.closedAt, incident.changedAt) = (now, now)
        incident.run = run ?? incident.run
        write(incident)
        alert(incident, "pipeline.recovered", "end", now, more, targets)
    }

    /// Ends what is wrong with a pipeline that is gone; nobody is told.
    public mutating func forget(project: String, pipeline: String, at now: Timestamp) {
        for (key, var incident) in open where key.project == project && key.pipeline == pipeline {
            incident.closedAt = now
            open[key] = nil
            write(incident)
        }
    }

    public mutating func saw(_ run: PipelineRunRecord) {
        work.seen.append((run.number, run.status.isFinal))
    }

    private mutating func put(_ incident: IncidentRecord, _ key: Key) {
        open[key] = incident
        write(incident)
    }

    private mutating func write(_ incident: IncidentRecord) {
        if let place = work.incidents.firstIndex(where: { $0.id == incident.id }) {
            work.incidents[place] = incident
        } else {
            work.incidents.append(incident)
        }
    }

    private static func type(_ finding: Finding) -> String {
        finding.kind == .freshness || finding.kind == .volume
            ? "pipeline.\(finding.kind.rawValue)" : "pipeline.\(finding.what)"
    }

    private mutating func alert(
        _ incident: IncidentRecord, _ type: String, _ part: String, _ now: Timestamp, _ more: [JSONValue.Member],
        _ targets: JSONValue
    ) {
        let type = AlertText.types.contains(type) ? type : "pipeline.\(incident.kind)"
        // The same incident's same part is the same message, however often it is made.
        let id = WebhookSigning.messageID([type, incident.project, incident.id, part])
        let data: [JSONValue.Member] = [
            .init("pipeline", .string(incident.pipeline)), .init("project", .string(incident.project)),
            .init("incident", .string(incident.id)), .init("kind", .string(incident.kind)),
            .init("severity", .string(incident.severity.rawValue)), .init("what", .string(incident.what)),
            .init("text", .string(AlertText.line(incident))), .init("reason", .string(incident.reason)),
            .init("run", incident.run.map { .string($0) } ?? .null), .init("times", JSONValue(incident.times)),
            .init("since", .string(incident.openedAt.text)),
            .init("until", incident.closedAt.map { .string($0.text) } ?? .null),
        ]
        work.alerts.append(
            AlertRecord(
                id: id, project: incident.project, incident: incident.id, type: type, data: .object(data + more),
                targets: targets, madeAt: now))
    }
}

extension IncidentBook.Key {
    fileprivate init(_ incident: IncidentRecord) {
        self.init(project: incident.project, pipeline: incident.pipeline, kind: incident.kind)
    }
}

/// What alerts say.
public enum AlertText {
    /// The types of messages that tell of pipelines.
    public static let types = [
        "pipeline.failed", "pipeline.stale", "pipeline.skipped", "pipeline.missed", "pipeline.late",
        "pipeline.freshness", "pipeline.volume", "pipeline.recovered",
    ]

    /// One line for people.
    static func line(_ incident: IncidentRecord) -> String {
        let name = "pipeline \(incident.pipeline)"
        if let end = incident.closedAt {
            let minutes = (end.microseconds - incident.openedAt.microseconds) / 60_000_000
            let times = incident.times == 1 ? "" : ", \(incident.times) times"
            return "\(name) is well again (\(incident.kind) \(incident.what) for \(minutes) min\(times))"
        }
        let said =
            switch (incident.kind, incident.what) {
            case ("run", "failed"): "failed"
            case ("run", "stale"): "could not be refreshed and is stale"
            case ("run", "skipped"): "was skipped"
            case ("run", "missed"): "missed its time"
            case ("backfill", _): "has a backfill that failed"
            case ("freshness", "fail"): "is far too old"
            case ("freshness", _): "is getting old"
            case ("volume", _): "has a strange number of rows"
            case ("late", _): "is late"
            default: incident.what
            }
        return "\(name) \(said): \(incident.reason)"
    }
}

extension AlertRecord {
    /// A message that says of itself that it is a test, to one of a project's targets.
    public static func test(
        _ name: String, project: String, known: [AlertTargetRecord], at now: Timestamp
    ) -> AlertRecord {
        let type = "pipeline.test"
        return AlertRecord(
            id: WebhookSigning.messageID([type, project, name, "\(now.microseconds)"]), project: project, incident: "",
            type: type,
            data: [
                "test": true, "project": .string(project),
                "text": .string("a test: alerts of the pipelines of \(project) come here"),
            ], targets: .array(known.filter { $0.name == name }.map(AlertTarget.entry(named:))), madeAt: now)
    }
}
