internal import Connectors
internal import Control
internal import EventStore
internal import Exports
internal import HTTPTypes
internal import Model
internal import Pipelines
internal import Triggers
internal import Webhooks

/// What applying a file does: what each thing in it is now and what it is to be, worked out and checked whole before anything is changed.
struct FilePlan {
    /// With ids in the place of names.
    var file: PipelineFile
    /// The request, to which everything that the file defines counts as saved.
    var exchange: Exchange
    var segments: [(id: String, draft: SegmentDraft, isNew: Bool)] = []
    var reports: [(id: String, name: String, report: JSONValue, isNew: Bool)] = []
    var endpoints: [EndpointStep] = []
    var triggers: [TriggerStep] = []
    var changes: [FileChange] = []
    var errors: [PipelineError] = []
    /// Pipelines that want a table which is another one's.
    var clashes: [(pipeline: String, error: PipelineError)] = []
    var known: KnownThings

    /// - Parameter resolves: whether secrets must be found, since they are about to be used.
    /// - Throws: `.badDefinition` with all that is wrong.
    init(_ file: PipelineFile, _ exchange: Exchange, resolves: Bool) async throws {
        let known = try await KnownThings(file, exchange)
        self.known = known
        self.exchange = exchange
        self.file = try file.resolved(known.names)
        errors = known.errors
        try propose()
        for thing in self.file.things {
            do {
                switch thing.kind {
                case .segment: try await add(segment: thing)
                case .report: try await add(report: thing)
                case .endpoint: try await add(endpoint: thing, resolves: resolves)
                case .trigger: try await add(trigger: thing)
                }
            } catch {
                guard let refusal = Self.refusal(error, thing) else { throw error }
                errors.append(refusal)
            }
        }
        errors += try await exchange.app.pipelines.errors(in: self.file, exchange.project(), self.exchange.proposed)
        if let error = PipelineError(errors) { throw error }
        try await addPipelines()
    }

    var json: JSONValue { answer(isTold: false) }

    /// - Parameter isTold: whether it was done: ids of what is new, and secrets that were made, are told then.
    func answer(isTold: Bool) -> JSONValue {
        // People know things by their names.
        let texts = known.texts
        return [
            "data": .array(
                changes.map { change in
                    var change = change
                    change.changes = change.changes.map { $0.saying(texts) }
                    return change.json(isTold: isTold)
                })
        ]
    }

    /// Lets segments and reports of the file count as saved.
    private mutating func propose() throws {
        let now = exchange.receivedAt
        for thing in file.things {
            guard let id = known.id(of: thing) else { continue }
            switch thing.kind {
            case .segment:
                guard let tree = thing.json["segment"] else { continue }
                let old = known.segments.first { $0.id == id }
                exchange.proposed.segments[id] = SegmentRecord(
                    number: old?.number ?? 0, id: id, version: (old?.version ?? 0) + 1,
                    draft: SegmentDraft(
                        name: thing.name, description: "", timezone: thing.json["timezone"]?.stringValue ?? "UTC",
                        tree: tree.text), createdAt: old?.createdAt ?? now, updatedAt: now)
            case .report:
                guard let report = thing.json["report"] else { continue }
                exchange.proposed.reports[id] = SavedReport(
                    number: 0, id: id, name: thing.name, report: report, createdAt: now, changedAt: now)
            case .endpoint, .trigger: continue
            }
        }
    }

    /// What a reader refuses, at its place; nil for what is no fault of the file.
    private static func refusal(_ error: any Error, _ thing: FileThing) -> PipelineError? {
        switch error {
        case is QueryError, is TriggerError, is PipelineError: thing.placed(error)
        case let error as ConnectorError: thing.placed(error)
        case let error as WebhookError where error.code == .badEndpoint || error.code == .conflict: thing.placed(error)
        case let error as ExportError where error.code == .invalidSpec: thing.error(error.message)
        case let problem as Problem where problem.status == .badRequest || problem.status == .notFound:
            thing.error(problem.detail)
        default: nil
        }
    }

    /// The document that the API takes: with its name.
    static func document(_ thing: FileThing, _ change: (JSONValue.Member) -> JSONValue.Member? = { $0 }) -> JSONValue {
        guard case .object(let members) = thing.json else { return thing.json }
        return .object([.init("name", .string(thing.name))] + members.compactMap(change))
    }
}
