internal import Connectors
internal import Control
internal import Destinations
internal import DuckDB
internal import EventStore
internal import Exports
internal import Logging
internal import Model
internal import Threads

/// One run on its way through its steps, until it is over or has to wait. Each step is written down before and after it.
struct PipelineRun {
    let tools: RunTools
    let definition: PipelineDefinition
    let project: PipelineProject
    var record: PipelineRunRecord
    var machine: RunMachine
    private var destination: (any Destination)?
    /// What that was made of.
    private var settings: (settings: JSONValue, isTrusted: Bool)?
    /// Columns by which rows tell whose they are.
    var telling: [String: String] = [:]
    var batch: LoadBatch?
    private var receipt: LoadReceipt?
    /// Set where the destination has the table already and nothing came since.
    var hasNothingToLoad = false
    /// Set while rows are on their way that are not let in yet.
    var early: EarlyLoad?

    /// - Throws: `.badDefinition`, if this version cannot read the definition any more.
    init(_ record: PipelineRunRecord, project: PipelineProject, tools: RunTools) throws(PipelineError) {
        self.tools = tools
        self.project = project
        self.record = record
        definition = try PipelineDefinition(json: record.definition, registry: tools.registry)
        machine = RunMachine(
            json: record.steps, retry: definition.retry, without: definition.stepsLeftOut)
        // What was in memory is gone whenever a run goes on, and the files may be, too.
        machine.resume()
    }

    /// The run's own folder.
    private var folder: String { "\(project.folder)/\(record.pipeline)/\(record.id)" }

    /// Goes on until the run is over, waits for its next attempt, or was cancelled.
    mutating func goOn() async throws {
        do { try await goThrough() } catch {
            await endEarly()
            throw error
        }
        await endEarly()
    }

    private mutating func goThrough() async throws {
        record.status = .running
        record.boot = tools.boot
        record.startedAt = record.startedAt ?? tools.now()
        record.nextAttemptAt = nil
        while let step = machine.next {
            machine.begin(step, at: tools.now())
            guard try await save() else { return await clean() }
            if step == .export { await beginEarly() }
            do {
                // dbt's time has a limit of its own, and then some for ending it.
                let limit = step == .dbt ? definition.dbt.map { $0.timeout + 60_000_000 } : nil
                try await within(limit ?? definition.timeout, step)
            } catch {
                // The server ends, or the run was cancelled: it stays as it is, to go on with the next start.
                if Task.isCancelled { return }
                // Before anybody else says something to the destination.
                await endEarly()
                guard try await failed(step, error) else { return }
                continue
            }
            guard try await save() else { return await clean() }
        }
        try await finish()
    }

    /// Notes a failure; whether the run goes on at once.
    private mutating func failed(_ step: StepName, _ error: any Error) async throws -> Bool {
        let failure = StepFailure(error)
        let decision = machine.fail(
            step, at: tools.now(), reason: failure.reason, isTransient: failure.isTransient, checks: failure.checks)
        tools.logger.warning(
            "a step of a pipeline's run failed",
            metadata: [
                "run": "\(record.id)", "pipeline": "\(record.pipeline)", "step": "\(step.rawValue)",
                "reason": "\(failure.reason)",
            ])
        switch decision {
        case .retry(let moment):
            record.nextAttemptAt = moment
            record.reason = failure.reason
            _ = try await save()
        case .fail:
            // Where only what is built of it failed, what was loaded is new.
            let hasPrevious = step == .dbt ? false : try await hasPreviousLoad()
            record.status = definition.fallsBack && hasPrevious ? .stale : .failed
            record.isStale = hasPrevious
            if hasPrevious { await mark(isStale: true) }
            record.reason = "\(step.rawValue): \(failure.reason)"
            record.finishedAt = tools.now()
            // What was loaded stays loaded, whatever is built of it.
            _ = try await save(watermark: step == .dbt && !record.cause.isBackfill ? record.seqTo : nil)
            await clean()
        }
        return false
    }

    private func hasPreviousLoad() async throws -> Bool {
        guard let target = record.target else { return false }
        return try await tools.control.watermark(
            pipeline: record.pipeline, project: record.project, target: target) != nil
    }

    /// Says beside what is there whether it is the newest. A destination that cannot be told is not waited for: the run's record has it.
    private mutating func mark(isStale: Bool) async {
        do { try await connect().mark(try await stream(), isStale: isStale) } catch {
            tools.logger.warning(
                "a destination could not be marked \(isStale ? "stale" : "fresh")",
                metadata: ["run": "\(record.id)", "reason": "\(StepFailure(error).reason)"])
        }
    }

    private mutating func finish() async throws {
        let last = try await tools.control.lastOver(of: record)
        if last?.isStale ?? false { await mark(isStale: false) }
        record.status = .succeeded
        record.reason = nil
        record.finishedAt = tools.now()
        record.steps = machine.json
        try await tools.control.updatePipelineRun(
            record, watermark: record.cause.isBackfill ? nil : record.seqTo, at: tools.now())
        tools.logger.info(
            "a pipeline's run is done",
            metadata: [
                "run": "\(record.id)", "pipeline": "\(record.pipeline)", "rows": .stringConvertible(record.rows ?? 0),
            ])
        await clean()
    }

    /// Writes down how far the run is; false if it was cancelled meanwhile.
    private mutating func save(watermark: Int64? = nil) async throws -> Bool {
        record.steps = machine.json
        return try await tools.control.updatePipelineRun(record, watermark: watermark, at: tools.now())
    }

    private func clean() async {
        let folder = folder
        _ = try? await OwnThread.run { RunFolder.remove(folder) }
    }

    /// Does a step, and cuts it off when it takes too long.
    private mutating func within(_ microseconds: Int64, _ step: StepName) async throws {
        let done: Self = try await withThrowingTaskGroup(of: Self?.self) { [self] group in
            group.addTask {
                var run = self
                try await run.perform(step)
                return run
            }
            group.addTask {
                try await Task.sleep(for: .microseconds(microseconds))
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let run = first else {
                throw PipelineError(
                    .timeout,
                    "it took longer than \(microseconds / 1_000_000) s, and was cut off; \"timeout\" says how long it may take",
                    isTransient: true)
            }
            return run
        }
        self = done
    }

    private mutating func perform(_ step: StepName) async throws {
        switch step {
        case .window: try await pin()
        case .export: try await export()
        case .validate: try await validate()
        case .transform: try await transform()
        case .load: try await load()
        case .verify: try await verify()
        case .dbt: try await build()
        }
    }
}

extension PipelineRun {
    /// Whether the destination could be asked, and what it says.
    mutating func connect() async throws -> any Destination {
        if let destination { return destination }
        let found = try await tools.settings(
            of: definition, project: record.project, isTrusted: record.isTrusted)
        let (tools, definition) = (tools, definition)
        let made = try await OwnThread.run {
            do { return try tools.destination(found.settings, isTrusted: found.isTrusted) } catch let error
                as ConnectorError
            {
                throw error.of(definition.load.target.said)
            }
        }
        destination = made
        settings = found
        record.target = made.location
        return made
    }

    private func stream() async throws -> LoadStream {
        LoadStream(
            pipeline: streamName,
            installation: try await tools.control.installation() + "/" + record.project)
    }

    private mutating func pin() async throws {
        let destination = try await connect()
        if record.cause.isBackfill {
            _ = try await pinRange(destination)
            return machine.succeed(.window, at: tools.now())
        }
        let position = try await destination.position(try await stream())
        let watermark = try await tools.control.watermark(
            pipeline: record.pipeline, project: record.project, target: destination.location)
        let pinned = try await project.pin()
        let window = try Window(
            watermark: watermark?.seq, position: position, pinned: pinned, isIncremental: definition.isIncremental)
        var spec = try await project.spec(definition.export, tools.now())
        let abilities = type(of: destination).abilities
        if definition.export["format"] == nil, let format = abilities.formats.first.flatMap(ExportFormat.init) {
            spec.format = format
        }
        spec.asOfSeq = window.to
        if definition.isIncremental { (spec.seqFrom, spec.seqTo) = (window.from, window.to) }
        var resolved = try await ExportRunner.resolve(spec, on: project.store, durableSeq: pinned, now: tools.now())
        if abilities.cutsBySeq, definition.isIncremental, !spec.columns.isEmpty, RowTelling.seq(resolved) == nil {
            spec.columns.append("seq as \(LoadBatch.addedSeq)")
            resolved = try await ExportRunner.resolve(spec, on: project.store, durableSeq: pinned, now: tools.now())
        }
        record.spec = resolved.json
        (record.seqFrom, record.seqTo) = (window.from, window.to)
        hasNothingToLoad = definition.isIncremental && window.from == window.to && position != .empty
        machine.succeed(.window, at: tools.now(), note: window.note)
    }

    private mutating func export() async throws {
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

    private mutating func validate() async throws {
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

    private mutating func transform() async throws {
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

    private mutating func load() async throws {
        let batch = try requireBatch()
        guard !hasNothingToLoad else {
            receipt = LoadReceipt(rows: 0)
            record.rows = 0
            machine.succeed(.load, at: tools.now(), rowsIn: 0, rowsOut: 0, note: "nothing came since the last run")
            return
        }
        let destination = try await connect()
        try await noteTarget(destination)
        let receipt: LoadReceipt
        if let early = try await finishEarly() { receipt = early } else { receipt = try await destination.load(batch) }
        if let reached = receipt.reached {
            // A load of before arrived after all: the window begins after it.
            machine.startOver()
            tools.logger.notice(
                "a window was loaded already in part", metadata: ["run": "\(record.id)", "reached": "\(reached)"])
            return
        }
        self.receipt = receipt
        record.rows = receipt.rows
        let notes = (receipt.wasThere ? ["it had been loaded before"] : []) + receipt.changes
        machine.succeed(
            .load, at: tools.now(), rowsIn: batch.rows, rowsOut: receipt.rows,
            note: notes.isEmpty ? nil : notes.joined(separator: "; "))
    }

    /// Before anything is sent, so that no place is ever forgotten where somebody may have to be.
    func noteTarget(_ destination: any Destination) async throws {
        guard let settings else { return }
        try await tools.control.notePipelineTarget(
            PipelineTarget(
                pipeline: record.pipeline, target: destination.location, settings: settings.settings,
                isTrusted: settings.isTrusted, columns: telling), project: record.project, at: tools.now())
    }

    private mutating func verify() async throws {
        let batch = try requireBatch()
        guard let receipt else { throw PipelineError(.destination, "nothing was loaded", isTransient: true) }
        if hasNothingToLoad { return machine.succeed(.verify, at: tools.now(), rowsIn: 0, rowsOut: 0) }
        let found = try await connect().verify(batch, receipt)
        let check = Check(
            rule: "reconciliation", outcome: found.holds ? .passed : .failed,
            message: "\(found.what): \(found.found), and should be \(found.expected)")
        guard found.holds else { throw ValidationStop(checks: [check]) }
        try await keepFile(batch)
        machine.succeed(.verify, at: tools.now(), rowsIn: receipt.rows, rowsOut: receipt.rows, checks: [check])
    }

    /// Puts the file that was loaded where it is kept, if it is to be.
    private func keepFile(_ batch: LoadBatch) async throws {
        guard let time = definition.retention.time else { return }
        let kept = KeptRunFiles(pipeline: "\(project.folder)/\(record.pipeline)")
        let until = Timestamp(microseconds: tools.now().microseconds + time)
        // Only rows that come by their numbers are told by them: others may have anybody in them.
        let isTold = batch.isIncremental && batch.seqColumn != nil && definition.transform.isEmpty
        let from = isTold ? batch.seqFrom : 0
        let (run, recipients) = (record.id, definition.retention.recipients)
        try await OwnThread.run {
            try kept.keep(
                batch.file, suffix: batch.suffix, of: run, window: (from, batch.seqTo), until: until, for: recipients)
        }
    }

    private mutating func build() async throws {
        guard let plan = definition.dbt else { return machine.succeed(.dbt, at: tools.now()) }
        let step = DbtStep(
            plan: plan, tools: tools, isTrusted: record.isTrusted, base: project.folder, folder: folder + "/dbt")
        let found = try await step.run()
        machine.succeed(.dbt, at: tools.now(), checks: found.checks, note: found.note)
    }

    private func requireBatch() throws(PipelineError) -> LoadBatch {
        guard let batch else { throw PipelineError(.export, "the run's file is not there", isTransient: true) }
        return batch
    }
}
