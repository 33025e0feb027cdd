internal import Codecs
internal import Collect
internal import Connectors
internal import Control
internal import DuckDB
internal import EventStore
internal import Exports
internal import HTTPTypes
internal import Hummingbird
internal import Journal
internal import Model
internal import NIOCore
internal import NIOSSL
internal import People
internal import Pipelines
internal import Reports
internal import Triggers
internal import Webhooks

extension Problem {
    /// The only place where errors of the rooms become answers. Nil: a fault of ours, to be logged.
    init?(mapping error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as CollectError: self.init(error)
        case let error as CodecError: self.init(error)
        case let error as JournalError: self.init(error)
        case let error as StoreError: self.init(error)
        case let error as QueryError: self.init(error)
        case let error as PeopleError: self.init(error)
        case let error as ExportError: self.init(error)
        case let error as ReportError: self.init(error)
        case let error as DuckDBError: self.init(error)
        case let error as ControlError: self.init(error)
        case let error as WebhookError: self.init(error)
        case let error as PipelineError: self.init(error)
        case let error as TriggerError:
            self =
                error.isImpossible
                ? Problem(.unprocessableContent, "impossible_trigger", error.message)
                : .badRequest(error.message, code: "invalid_trigger")
            members = [.init("path", .string(error.path))]
        case let error as ConnectorError: self = .badRequest(error.message, code: error.code.rawValue)
        case is NIOTooManyBytesError: self = .tooLarge("the body is longer than this path takes")
        case let error as HTTPError: self.init(error.status, "http", error.body ?? error.status.reasonPhrase)
        // The caller is gone in the middle of a request by TLS; nobody reads this.
        case NIOSSLError.uncleanShutdown: self = .badRequest("the connection ended before the request did")
        case is CancellationError: self = .unavailable("shutting_down", "the server is shutting down; try again soon")
        default: return nil
        }
    }

    init?(_ error: CollectError) {
        switch error.code {
        case .malformed: self = .badRequest(error.message, code: "malformed")
        case .tooLarge: self = .tooLarge(error.message)
        case .mapping: self = .badRequest(error.message, code: "mapping")
        }
        if let offset = error.offset { members = [.init("offset", .number(String(offset)))] }
    }

    init?(_ error: CodecError) {
        switch error.code {
        case .damaged, .truncated:
            self = .badRequest("the body cannot be unpacked: \(error.message)", code: "bad_encoding")
        case .tooLarge: self = .tooLarge(error.message)
        case .outOfMemory: self = .unavailable("out_of_memory", error.message)
        }
    }

    init?(_ error: JournalError) {
        switch error.code {
        case .queueFull, .backlogFull, .diskFull, .syncFailed, .closed, .io, .damaged, .behind, .cancelled:
            // Whatever keeps the journal from writing, the client must keep its events and send them again.
            self = .unavailable(
                "journal_" + error.code.rawValue, "nothing was stored: \(error.message)",
                retryAfter: error.retryAfterSeconds ?? 30)
        }
    }

    init?(_ error: StoreError) {
        switch error.code {
        case .lagging, .busy, .cancelled, .interrupted, .changed:
            self = .unavailable("store_" + error.code.rawValue, error.message, retryAfter: 1)
        case .stopped, .closed, .damaged, .behind:
            self = .unavailable("store_" + error.code.rawValue, error.message, retryAfter: 30)
        case .tooLong: self = .unavailable("query_timeout", error.message, retryAfter: 60)
        // The engine's memory, mostly: later, or asked for less, it works.
        case .database where error.isTransient: self = .unavailable("out_of_memory", error.message)
        case .database, .newerFormat, .files:
            guard let zone = Problem(unknownZone: error.message) else { return nil }
            self = zone
        }
    }

    init(_ error: QueryError) {
        self = .badRequest(error.message, code: error.code.rawValue)
        members = [.init("path", .string(error.path))]
    }

    init?(_ error: PeopleError) {
        switch error.code {
        case .cursor: self = .parameter("cursor", error.message)
        case .limit: self = .parameter("limit", error.message)
        case .busy, .cancelled: self = .unavailable("store_busy", error.message)
        case .store where error.isTransient: self = .unavailable("out_of_memory", error.message)
        case .store: return nil
        }
    }

    init?(_ error: ExportError) {
        switch error.code {
        case .invalidSpec: self = .badRequest(error.message, code: error.code.rawValue)
        case .notYet: self = .unavailable(error.code.rawValue, error.message)
        // Too many ask at once, or memory is short: nothing is wrong with the request.
        case .store where error.isTransient: self = .unavailable("store_busy", error.message)
        case .cancelled, .files, .store, .mismatch, .order: return nil
        }
    }

    init(_ error: ReportError) {
        switch error.code {
        case .timeLimit: self.init(.gatewayTimeout, error.code.rawValue, error.message)
        case .memory: self = .unavailable(error.code.rawValue, error.message, retryAfter: 30)
        }
    }

    init?(_ error: DuckDBError) {
        switch error.code {
        case .busy: self = .unavailable("store_busy", error.message)
        default:
            guard let zone = Problem(unknownZone: error.message) else { return nil }
            self = zone
        }
    }

    /// A formula that came with a question can name a zone that only the engine can tell to be none.
    private init?(unknownZone message: String) {
        guard message.contains("Unknown TimeZone") else { return nil }
        self = .badRequest(
            "a computed column's \"timezone\" is no zone: write UTC, an offset such as +02:00, or a name such as Europe/Berlin",
            code: "invalid_condition")
    }

    init?(_ error: PipelineError) {
        guard error.code == .badDefinition else { return nil }
        self = .badRequest(error.description, code: error.code.rawValue)
        if let place = error.place {
            members = [.init("line", JSONValue(place.line)), .init("column", JSONValue(place.column))]
        }
        members.append(
            .init(
                "errors",
                .array(
                    error.all.map { one in
                        [
                            "line": JSONValue(optional: one.place.map { Int64($0.line) }),
                            "column": JSONValue(optional: one.place.map { Int64($0.column) }),
                            "message": .string(one.message),
                        ]
                    })))
    }

    init?(_ error: WebhookError) {
        switch error.code {
        case .badEndpoint: self = .badRequest(error.message, code: error.code.rawValue)
        case .noEndpoint, .noTrigger, .noDelivery: self = .notFound(error.message)
        case .conflict: self = .conflict(error.code.rawValue, error.message)
        case .changed, .database:
            guard error.isTransient else { return nil }
            self = .unavailable("outbox_busy", error.message)
        }
    }

    init?(_ error: ControlError) {
        switch error.code {
        case .projectExists, .alreadyInitialized: self = .conflict("project_exists", error.message)
        case .noSuchProject: self = .notFound(error.message)
        case .badName: self = .badRequest(error.message, code: "bad_name")
        case .database, .io, .notInitialized:
            guard error.isTransient else { return nil }
            self = .unavailable("control_busy", error.message)
        }
    }
}
