internal import Control
internal import Model
internal import Pipelines
internal import Webhooks

/// What a project has under names that a file uses, and under which ids.
struct KnownThings {
    var segments: [SegmentRecord] = []
    var reports: [SavedReport] = []
    var endpoints: [EndpointRecord] = []
    var triggers: [TriggerRecord] = []
    /// Ids by names: those of the file, new ones included, before those of the project.
    private(set) var names = ThingNames()
    private(set) var errors: [PipelineError] = []
    private var ids: [FileThing.Kind: [String: String]] = [:]
    private let file: PipelineFile

    init(_ file: PipelineFile, _ exchange: Exchange) async throws {
        self.file = file
        let (app, project) = (exchange.app, try exchange.requireCaller().project)
        segments = try await app.control.segments(project: project)
        reports = try await exchange.savedReports()
        endpoints = try await app.webhooks.store.endpoints(project: project)
        triggers = try await app.webhooks.store.triggers(project: project)
        let now = exchange.receivedAt
        names.segments = find(.segment, segments.map { (name: $0.draft.name, id: $0.id) }, ControlStore.newSegmentID)
        names.reports = find(.report, reports.map { (name: $0.name, id: $0.id) }, ControlStore.newReportID)
        names.endpoints = find(
            .endpoint, endpoints.compactMap { record in record.definition.name.map { (name: $0, id: record.id) } }
        ) { DeliveryStore.newID("ep_", now) }
        _ = find(.trigger, triggers.map { (name: $0.name, id: $0.id) }) { DeliveryStore.newID("trg_", now) }
    }

    /// The id of something of the file: the one that it has, or the one that it gets.
    func id(of thing: FileThing) -> String? { ids[thing.kind]?[thing.name] }

    /// Names by the ids of what has them.
    var texts: [String: String] {
        var texts: [String: String] = [:]
        for table in [names.segments, names.reports, names.endpoints] {
            for (name, id) in table { texts[id] = name }
        }
        return texts
    }

    private mutating func find(
        _ kind: FileThing.Kind, _ kept: [(name: String, id: String)], _ make: () -> String
    ) -> [String: String] {
        let byName = Dictionary(grouping: kept, by: \.name)
        var found = byName.compactMapValues { $0.count == 1 ? $0.first?.id : nil }
        var taken = Set(kept.map(\.id))
        for thing in file.things where thing.kind == kind {
            if let several = byName[thing.name], several.count > 1 {
                let all = several.map(\.id).joined(separator: ", ")
                errors.append(
                    thing.error(
                        "there are several \(kind.section) \"\(thing.name)\" already (\(all)); give the others another name"
                    ))
            } else if found[thing.name] == nil {
                var id = make()
                while !taken.insert(id).inserted { id = make() }
                found[thing.name] = id
            }
        }
        ids[kind] = found
        return found
    }
}
