public import Model

/// Something that is wrong with a pipeline from one moment to another: one at a time of each kind.
public struct IncidentRecord: Sendable, Equatable {
    /// How bad it is.
    public enum Severity: String, Sendable {
        case warning
        case error
    }

    public let number: Int64
    public let id: String
    public let project: String
    public let pipeline: String
    /// What it is about: `run`, `freshness`, `volume`, `late`, `backfill`.
    public let kind: String
    public var severity: Severity
    /// What happened last, in a word: `failed`, `stale`, `skipped`, `missed`, …
    public var what: String
    /// The same for people.
    public var reason: String
    /// The run in which it showed last.
    public var run: String?
    /// How often it showed.
    public var times: Int64
    public let openedAt: Timestamp
    public var changedAt: Timestamp
    public var closedAt: Timestamp?

    public init(
        number: Int64 = 0, id: String, project: String, pipeline: String, kind: String, severity: Severity,
        what: String, reason: String, run: String?, times: Int64 = 1, openedAt: Timestamp, changedAt: Timestamp,
        closedAt: Timestamp? = nil
    ) {
        self.number = number
        self.id = id
        self.project = project
        self.pipeline = pipeline
        self.kind = kind
        self.severity = severity
        self.what = what
        self.reason = reason
        self.run = run
        self.times = times
        self.openedAt = openedAt
        self.changedAt = changedAt
        self.closedAt = closedAt
    }
}

/// What somebody is told of an incident: a message that is made once and handed to the outbox.
public struct AlertRecord: Sendable, Equatable {
    /// The message's.
    public let id: String
    public let project: String
    public let incident: String
    public let type: String
    public let data: JSONValue
    /// Whom it goes to: `[{"key", "type", "settings", "trusted"}]`.
    public let targets: JSONValue
    public let madeAt: Timestamp
    /// When the outbox had it.
    public var handedAt: Timestamp?
    /// What kept it from somebody.
    public var problem: String?

    public init(
        id: String, project: String, incident: String, type: String, data: JSONValue, targets: JSONValue,
        madeAt: Timestamp, handedAt: Timestamp? = nil, problem: String? = nil
    ) {
        self.id = id
        self.project = project
        self.incident = incident
        self.type = type
        self.data = data
        self.targets = targets
        self.madeAt = madeAt
        self.handedAt = handedAt
        self.problem = problem
    }
}

/// Whom a project's alerts go to, by name.
public struct AlertTargetRecord: Sendable, Equatable {
    public let name: String
    public let settings: JSONValue
    /// Whether it came from the owner of the data folder, who may use any secret.
    public let isTrusted: Bool
    public let changedAt: Timestamp

    public init(name: String, settings: JSONValue, isTrusted: Bool, changedAt: Timestamp) {
        self.name = name
        self.settings = settings
        self.isTrusted = isTrusted
        self.changedAt = changedAt
    }
}

/// What one look at a project's pipelines came to; written at once.
public struct WatchWork: Sendable {
    /// Incidents that begin, go on or end, each as it is from now on.
    public var incidents: [IncidentRecord] = []
    public var alerts: [AlertRecord] = []
    /// Runs that were looked at, and whether they were over.
    public var seen: [(run: Int64, isOver: Bool)] = []

    public init() {}

    public var isEmpty: Bool { incidents.isEmpty && alerts.isEmpty && seen.isEmpty }
}
