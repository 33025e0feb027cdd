internal import Connectors
internal import Control
internal import Destinations
internal import DuckDB
internal import EventStore
internal import Exports
internal import Model
internal import Threads

/// From the window to the file that is loaded: its rows are written, looked at and made into what goes out.
extension PipelineRun {
    mutating func export() async throws {
        guard let json = record.spec, let to = record.seqTo else {
            throw PipelineError(.export, "the window is not pinned", isTransient: true)
        }
        let resolved = try await ExportRunner.resolve(
            try ExportSpec(json: json), on: project.store, durableSeq: to, now: tools.now())
        let (base, folder) = (project.folder, folder)
        try await OwnThread.run { try RunFolder.make(base, folder) }
        var batch = try await batch(resolved)
        // After a crash it is written anew; only what is kept has to outlive one.
        let manifest = try await ExportRunner.run(
            resolved, on: project.store, to: batch.file, exportID: record.id, runID: record.id,
            isDurable: definition.retention.time != nil, following: early?.following)
        batch.columns = LoadColumn.columns(manifest.columns)
        (batch.rows, batch.bytes) = (manifest.rows, manifest.bytes)
        batch.sha256 = manifest.parts.first?.sha256 ?? manifest.sha256
        batch.manifest = manifest.json
        telling = RowTelling.columns(resolved, key: loadKey, through: definition.transform)
        batch.tell(telling, isDerived: definition.transform.isDerived)
        self.batch = batch
        // With a transformation, its rows have the key.
        for key in definition.load.key
        where definition.transform.isEmpty && !manifest.columns.contains(where: { $0.name == key }) {
            throw PipelineError(
                .badDefinition,
                "the key \"\(key)\" is no column of the export; there are \(manifest.columns.map(\.name).joined(separator: ", "))"
            )
        }
        machine.succeed(.export, at: tools.now(), rowsOut: manifest.rows)
    }

    /// What is to be loaded, as far as it is known before it is written.
    func batch(_ resolved: ResolvedSpec) async throws -> LoadBatch {
        var batch = LoadBatch(
            stream: try await stream(), run: record.id, dataset: resolved.dataset.rawValue,
            isIncremental: isWindowed, seqFrom: record.seqFrom ?? 0, seqTo: record.seqTo ?? resolved.asOfSeq,
            mode: loadMode, key: loadKey, columns: [], evolves: definition.load.evolves,
            file: folder + "/rows" + resolved.fileExtension, format: resolved.format.rawValue,
            suffix: resolved.fileExtension, rows: 0, bytes: 0, sha256: "", manifest: .null)
        batch.seqColumn = RowTelling.seq(resolved)
        batch.shape = RowTelling.shape(definition.export)
        batch.cuts = try await tools.control.pipelineCuts(
            project: record.project, pipeline: record.pipeline, target: record.target ?? "", above: batch.seqFrom)
        return batch
    }

    mutating func validate() async throws {
        let batch = try requireBatch()
        // How many rows a range of time has says nothing of how many another one should.
        let previous = try await tools.control.loadedRows(
            project: record.project, pipeline: record.pipeline, target: record.target ?? "",
            limit: record.cause.isBackfill ? 0 : 7)
        let validator = Validator(
            plan: definition.validation, isIncremental: definition.isIncremental, file: batch.file, folder: folder,
            format: batch.format, columns: batch.columns.map { ($0.name, $0.type) }, declared: batch.rows,
            previous: previous, now: tools.now(), key: batch.key, json: type(of: try await connect()).abilities.json)
        let brake = JobBrake()
        let findings = try await withTaskCancellationHandler {
            try await OwnThread.run { try validator.run(brake) }
        } onCancel: {
            brake.pull()
        }
        self.batch?.mayNeedRepair = findings.needsRepair
        if let name = findings.quarantine {
            let (from, to) = (folder + "/" + name, "\(project.folder)/\(record.pipeline)/quarantine")
            let id = record.id
            try await OwnThread.run { try RunFolder.keep(from, in: to, as: id + ".ndjson") }
        }
        guard findings.failed.isEmpty else { throw ValidationStop(checks: findings.checks) }
        let warned = findings.checks.filter { $0.outcome == .warned }.map(\.message)
        machine.succeed(
            .validate, at: tools.now(), rowsIn: batch.rows, rowsOut: batch.rows, checks: findings.checks,
            note: warned.isEmpty ? nil : warned.joined(separator: "; "))
    }

    mutating func transform() async throws {
        let before = try requireBatch()
        guard !hasNothingToLoad else { return machine.succeed(.transform, at: tools.now(), rowsIn: 0, rowsOut: 0) }
        let outcome = try await Transformer(
            plan: definition.transform, batch: before, folder: folder, sources: .builtin, tools: tools.destinations,
            secrets: record.isTrusted ? tools.ownerSecrets : tools.secrets
        ).run()
        batch = outcome.batch
        // What was looked at before were the export's values.
        batch?.mayNeedRepair = true
        machine.succeed(
            .transform, at: tools.now(), rowsIn: before.rows, rowsOut: outcome.batch.rows,
            note: outcome.notes.isEmpty ? nil : outcome.notes.joined(separator: "; "))
    }
}
