internal import Control
internal import Destinations
internal import Model
internal import Pipelines
internal import Reports

/// What the control database keeps: segments, reports, pipelines, destinations and whom alerts go to.
extension FilePlan {
    mutating func add(segment thing: FileThing) async throws {
        guard let id = known.id(of: thing) else { return }
        let draft = try await SavedSegmentRoutes.draft(Self.document(thing), exchange, id: id)
        let old = known.segments.first { $0.id == id }
        let changes = old.map { PipelineChange.between(Self.json($0.draft), Self.json(draft)) } ?? []
        if old == nil || !changes.isEmpty { segments.append((id, draft, old == nil)) }
        note(thing, id, isNew: old == nil, changes)
    }

    private static func json(_ draft: SegmentDraft) -> JSONValue {
        [
            "description": .string(draft.description), "timezone": .string(draft.timezone),
            "segment": (try? JSONValue(text: draft.tree)) ?? .null,
        ]
    }

    mutating func add(report thing: FileThing) async throws {
        guard let id = known.id(of: thing) else { return }
        let (name, report) = try await SavedReportRoutes.read(Self.document(thing), exchange)
        let old = known.reports.first { $0.id == id }
        let changes = old.map { PipelineChange.between(["report": $0.report], ["report": report]) } ?? []
        if old == nil || !changes.isEmpty { reports.append((id, name, report, old == nil)) }
        note(thing, id, isNew: old == nil, changes)
    }

    /// Notes what becomes of a thing.
    mutating func note(
        _ thing: FileThing, _ id: String, isNew: Bool, _ changes: [PipelineChange], notes: [String] = [],
        secret: String? = nil
    ) {
        self.changes.append(
            FileChange(
                kind: thing.kind.rawValue, name: thing.name,
                action: isNew ? .create : changes.isEmpty ? .none : .change, changes: changes, notes: notes, id: id,
                secret: secret))
    }

    mutating func addPipelines() async throws {
        let (control, project) = (exchange.app.control, try exchange.requireCaller().project)
        let registry = exchange.app.pipelines.tools.registry
        let kept = try await control.destinations(project: project)
        let foresight = Foresight(exchange.app.pipelines.tools, isTrusted: try exchange.requireCaller().isOwner)
        try await claim(kept)
        for pipeline in file.pipelines {
            let old = try await control.pipeline(pipeline.name, project: project)
            let changes = old.map { PipelineChange.between($0.definition, pipeline.json) } ?? []
            let told = old.map {
                PipelineChange.between(
                    PipelineDocument.shown($0.definition, exchange), PipelineDocument.shown(pipeline.json, exchange))
            }
            var notes = clashes.filter { $0.pipeline == pipeline.name }.map(\.error.message)
            if changes.contains(where: { $0.path.hasPrefix("load.destination") }) {
                notes.append("rows go to another place: what is not there yet is loaded from the beginning")
            }
            notes += try await Blocking.run { foresight.notes(on: pipeline) }
            self.changes.append(
                FileChange(
                    kind: "pipeline", name: pipeline.name, action: Self.action(old == nil, changes),
                    changes: told ?? [], notes: notes))
        }
        for (name, settings) in file.destinations {
            let old = kept.first { $0.name == name }?.settings
            let changes = old.map { PipelineChange.between($0, settings) } ?? []
            let told = old.map { PipelineChange.between(registry.shown($0), registry.shown(settings)) }
            self.changes.append(
                FileChange(
                    kind: "destination", name: name, action: Self.action(old == nil, changes), changes: told ?? [],
                    notes: try await Blocking.run { foresight.notes(onDestination: settings, name) }))
        }
        let targets = try await control.alertTargets(project: project)
        for (name, settings) in file.alerts {
            let old = targets.first { $0.name == name }?.settings
            let changes = old.map { PipelineChange.between($0, settings) } ?? []
            self.changes.append(
                FileChange(
                    kind: "alert", name: name, action: Self.action(old == nil, changes), changes: changes,
                    notes: try await Blocking.run { foresight.notes(onAlert: settings, name) }))
        }
    }

    /// Notes which pipelines of the file want a table that is another one's.
    private mutating func claim(_ kept: [DestinationRecord]) async throws {
        let (control, project) = (exchange.app.control, try exchange.requireCaller().project)
        let registry = exchange.app.pipelines.tools.registry
        let (tools, isOwner) = (exchange.app.pipelines.tools, try exchange.requireCaller().isOwner)
        let file = file
        func claim(_ pipeline: PipelineDefinition, isTrusted: Bool) async -> TableClaim? {
            var (settings, trusts) = (JSONValue.null, isTrusted)
            switch pipeline.load.target {
            case .inline(let own): settings = own
            case .named(let name):
                if let new = file.destinations.first(where: { $0.name == name }) {
                    (settings, trusts) = (new.settings, isOwner)
                } else if let old = kept.first(where: { $0.name == name }) {
                    (settings, trusts) = (old.settings, old.isTrusted)
                }
            }
            let found = (settings, trusts)
            // Without its secrets it is known by their names.
            let location = try? await Blocking.run { try tools.destination(found.0, isTrusted: found.1).location }
            return TableClaim(pipeline, settings, location: location, registry: registry)
        }
        let own = Set(file.pipelines.map(\.name))
        var claims: [TableClaim] = []
        for record in try await control.pipelines(project: project) where !own.contains(record.name) {
            guard let definition = try? PipelineDefinition(json: record.definition, registry: registry),
                let made = await claim(definition, isTrusted: record.isTrusted)
            else { continue }
            claims.append(made)
        }
        for pipeline in file.pipelines {
            guard let mine = await claim(pipeline, isTrusted: isOwner) else { continue }
            if let other = claims.first(where: mine.clashes) {
                let error = file.error(
                    of: pipeline.name,
                    "load: the pipeline \(other.pipeline) loads into this table, and one of the two does more than add rows; give it "
                        + "another table", at: "load")
                clashes.append((pipeline.name, error))
            }
            claims.append(mine)
        }
    }

    private static func action(_ isNew: Bool, _ changes: [PipelineChange]) -> FileChange.Action {
        isNew ? .create : changes.isEmpty ? .none : .change
    }
}
