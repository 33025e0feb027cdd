internal import Control
internal import Destinations
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
    var destination: (any Destination)?
    /// What `destination` was made of.
    var settings: (settings: JSONValue, isTrusted: Bool)?
    /// Columns by which rows tell whose they are.
    var telling: [String: String] = [:]
    var batch: LoadBatch?
    var receipt: LoadReceipt?
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
    var folder: String { "\(project.folder)/\(record.pipeline)/\(record.id)" }

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
